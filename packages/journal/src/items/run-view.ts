import { SluiceError } from "@sluice/core"
import type { Database, Statement } from "../file/sqlite-module.ts"
import { translating } from "../journal-error.ts"
import { type RunSummary, standOf } from "../list-runs.ts"
import { parseRun } from "../values/records.ts"
import { apart } from "./apart.ts"
import { itemReader, type JournalItem } from "./journal-items.ts"

/** What a list of items shows of one, without its texts. */
export interface ItemFacts {
  /** The record's number: grows with each new item. */
  readonly item: number
  readonly node: string
  /** -1 for steps. */
  readonly index: number
  readonly status: "ok" | "failed"
  readonly attempts: number
  readonly waitedMs: number | null
  readonly latencyMs: number | null
  readonly finishReason: string | null
  /** Calls that were sent for it. */
  readonly requests: number | null
  readonly inputTokens: number | null
  readonly outputTokens: number | null
  readonly usd: number | null
  readonly settledAtMs: number
}

/** How a run stands now. */
export interface RunStand extends Pick<RunSummary, "status" | "startedAtMs" | "endedAtMs"> {
  /** Another number whenever somebody else has written into the file. */
  readonly edition: number
}

/** The beginning of what an item was asked and answered. */
export interface ItemPreview {
  readonly key: string | null
  readonly input: string | null
  /** The whole input as JSON, where it is no longer than `wholeLength`. */
  readonly whole: string | null
  readonly output: string | null
}

/** Characters: a longer input is not read whole for a line in a list. */
const wholeLength = 20_000

/**
 * Looks at one run a page at a time, whoever writes it meanwhile. Each question is answered in milliseconds: whoever looks through a
 * million items asks many of them, with turns of the event loop between.
 */
export class RunView {
  readonly #database: Database
  readonly #path: string
  readonly #runId: string
  readonly #readItem: (item: number) => JournalItem
  #run: number | undefined
  #stand: Statement | undefined
  #facts: Statement | undefined
  #again: Statement | undefined
  #at: Statement | undefined
  #preview: Statement | undefined
  #found: Statement | undefined

  /** @internal */
  constructor(database: Database, path: string, runId: string) {
    this.#database = database
    this.#path = path
    this.#runId = runId
    this.#readItem = itemReader(database, path)
  }

  /** Costs no look at an item: it may be asked each second. */
  stand(): RunStand {
    this.#stand ??= this.#database.prepare("SELECT * FROM runs WHERE run = ?")
    return this.#asked(() => {
      const edition = Number(this.#database.prepare("PRAGMA data_version").get()?.["data_version"])
      const record = parseRun(this.#stand!.get(this.#number()), this.#path)
      const { startedAtMs, endedAtMs } = record
      return { status: standOf(record).status, startedAtMs, endedAtMs: endedAtMs ?? undefined, edition }
    })
  }

  /** Up to `limit` items whose record comes after `after`, in the order of their records. */
  facts(after: number, limit: number): ItemFacts[] {
    this.#facts ??= this.#database.prepare(`${selectFacts} AND item > ? ORDER BY item LIMIT ?`)
    return this.#asked(() => this.#facts!.all(this.#number(), after, limit)) as unknown as ItemFacts[]
  }

  /** Those of these records that are settled well: a failed item that is asked again keeps its record. */
  mended(items: readonly number[]): ItemFacts[] {
    this.#again ??= this.#database.prepare(
      `${selectFacts} AND item IN (SELECT value FROM json_each(?)) AND status = 'ok' ORDER BY item`,
    )
    return this.#asked(() => this.#again!.all(this.#number(), JSON.stringify(items))) as unknown as ItemFacts[]
  }

  /** The record's number of the item of a node at an index. Of several visits the last. */
  at(node: string, index: number): number | undefined {
    // Each half by an index of its own: of one question with OR, SQLite reads the records one by one.
    const half = (key: string): string => `SELECT item FROM places CROSS JOIN items USING (place)
      WHERE run = ?1 AND node = ?2 AND idx = ?3 AND key ${key}`
    this.#at ??= this.#database.prepare(
      `SELECT max(item) AS item FROM (${half("IS NULL")} UNION ALL ${half("IS NOT NULL")})`,
    )
    const found = this.#asked(() => this.#at!.get(this.#number(), node, index))
    return (found?.["item"] as number | null) ?? undefined
  }

  /** The whole item. */
  read(item: number): JournalItem {
    return this.#readItem(item)
  }

  /** The first `length` characters of input and output, as text or JSON. */
  preview(item: number, length: number): ItemPreview | undefined {
    this.#preview ??= this.#database.prepare(
      `SELECT key, CASE status WHEN 'ok' THEN substr(value ->> '$.input', 1, :length)
          ELSE substr(value ->> '$.kept.input', 1, :length) END AS input,
        iif(length(${wholeInput}) <= ${wholeLength}, ${wholeInput}, NULL) AS whole,
        CASE status WHEN 'ok' THEN substr(coalesce(value ->> '$.output', value), 1, :length)
          ELSE substr(value ->> '$.message', 1, :length) END AS output
      FROM items WHERE item = :item`,
    )
    return this.#asked(() => this.#preview!.get({ item, length })) as ItemPreview | undefined
  }

  /** Of the `limit` records after `after`, those that have `text` in what was asked or answered, large letters or small. */
  found(text: string, after: number, limit: number): { items: { node: string; index: number }[]; last: number } {
    this.#found ??= this.#database.prepare(
      `SELECT item, node, idx AS "index", value LIKE :pattern ESCAPE '\\' OR coalesce(key, '') LIKE :pattern ESCAPE '\\' AS hit
      FROM items JOIN places USING (place) WHERE run = :run AND idx < ${apart} AND item > :after ORDER BY item LIMIT :limit`,
    )
    // As it stands in JSON.
    const json = JSON.stringify(text).slice(1, -1)
    const pattern = `%${json.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`
    const rows = this.#asked(() => this.#found!.all({ pattern, run: this.#number(), after, limit })) as unknown as {
      item: number
      node: string
      index: number
      hit: number | null
    }[]
    return {
      items: rows.filter(({ hit }) => hit === 1).map(({ node, index }) => ({ node, index })),
      last: rows.length < limit ? Infinity : rows.at(-1)!.item,
    }
  }

  #asked<T>(ask: () => T): T {
    return translating(this.#path, ask)
  }

  #number(): number {
    this.#run ??= this.#database.prepare("SELECT run FROM runs WHERE runId = ?").get(this.#runId)?.["run"] as
      | number
      | undefined
    if (this.#run !== undefined) return this.#run
    throw new SluiceError("usage", `${this.#path} has no run "${this.#runId}".`, { details: { path: this.#path } })
  }
}

const wholeInput = "(value -> iif(status = 'ok', '$.input', '$.kept.input'))"

/** Of the run's items; not of those that wait for an input that the last command did not have. */
const selectFacts = `SELECT item, node, idx AS "index", status, attempts, settledAtMs,
    CASE status WHEN 'ok' THEN value ->> '$.waitedMs' END AS waitedMs,
    CASE status WHEN 'ok' THEN value ->> '$.latencyMs' END AS latencyMs,
    CASE status WHEN 'ok' THEN value ->> '$.finishReason' ELSE value ->> '$.code' END AS finishReason,
    cost ->> '$.requests' AS requests, cost ->> '$.inputTokens' AS inputTokens, cost ->> '$.outputTokens' AS outputTokens, cost ->> '$.usd' AS usd
  FROM items JOIN places USING (place) WHERE run = ? AND idx < ${apart}`
