import { type Cost, SluiceError } from "@sluice/core"
import { journalError, translating } from "../journal-error.ts"
import { apart } from "./apart.ts"
import { parseItem } from "../values/records.ts"
import type { Database } from "../file/sqlite-module.ts"
import type { StoredError } from "../values/stored-error.ts"

/** A settled item as it is listed and exported. */
export type JournalItem = {
  readonly node: string
  readonly visit: number
  readonly params: Readonly<Record<string, unknown>>
  /** Absent for steps, and for what the last run had no input for: it is kept until it is asked for again. */
  readonly index: number | undefined
  readonly key: string | undefined
  readonly attempts: number
  readonly cost: Cost | undefined
  readonly settledAtMs: number
} & ({ readonly status: "ok"; readonly value: unknown } | { readonly status: "failed"; readonly error: StoredError })

export interface ItemQuery {
  readonly status?: "ok" | "failed"
  readonly node?: string
  /** Only items of this key. */
  readonly key?: string
  /** `"settled"` (default): as they were first settled. `"input"`: by index within each batch. */
  readonly order?: "settled" | "input"
  /** With `order: "input"`: only items of this index and later. */
  readonly fromIndex?: number
}

const pageSize = 64

const columns = `SELECT item, node, visit, params, idx, key, status, attempts, value, cost, settledAtMs
  FROM items JOIN places USING (place)`

/** @internal Reads one item by its record's number. */
export function itemReader(database: Database, path: string): (item: number) => JournalItem {
  const select = database.prepare(`${columns} WHERE item = ?`)
  return (item) =>
    toItem(
      translating(path, () => select.get(item)),
      path,
    )
}

/** @internal */
export function* readItems(
  database: Database,
  path: string,
  runId: string,
  query: ItemQuery,
): Generator<JournalItem, void, undefined> {
  const run = translating(
    path,
    () => database.prepare("SELECT run FROM runs WHERE runId = ?").get(runId)?.["run"] as number | undefined,
  )
  if (run === undefined) {
    throw new SluiceError("usage", `${path} has no run "${runId}". \`sluice runs\` lists those it has.`, {
      details: { path },
    })
  }
  const filters = `${query.status ? " AND status = :status" : ""}${query.node === undefined ? "" : " AND node = :node"}${query.key === undefined ? "" : " AND key = :key"}`
  const named = {
    ...(query.status && { status: query.status }),
    ...(query.node !== undefined && { node: query.node }),
    ...(query.key !== undefined && { key: query.key }),
  }
  if (query.order === "input") {
    const ids = database.prepare(
      `SELECT item FROM items JOIN places USING (place) WHERE run = :run${filters} AND idx >= :from ORDER BY place, idx`,
    )
    const read = itemReader(database, path)
    for (const { item } of ids.iterate({ ...named, run, from: query.fromIndex ?? -1 })) {
      yield read(item as number)
    }
    return
  }
  const forwards = database.prepare(
    `${columns} WHERE item > :after AND run = :run${filters} ORDER BY item LIMIT ${pageSize}`,
  )
  const backwards = database.prepare(
    `${columns} WHERE item < :after AND item > :floor AND run = :run${filters} ORDER BY item DESC LIMIT 1`,
  )
  let after = 0
  let damage: unknown
  for (;;) {
    let rows
    try {
      rows = forwards.all({ ...named, run, after })
    } catch (error) {
      damage = error
      break
    }
    for (const row of rows) {
      after = row["item"] as number
      yield toItem(row, path)
    }
    if (rows.length < pageSize) return
  }
  yield* afterDamage()
  throw journalError(damage, path)

  function* afterDamage(): Generator<JournalItem, void, undefined> {
    const floor = after
    for (after = Number.MAX_SAFE_INTEGER; ;) {
      let row
      try {
        row = backwards.get({ ...named, run: run as number, after, floor })
      } catch {
        return
      }
      if (!row) return
      after = row["item"] as number
      yield toItem(row, path)
    }
  }
}

function toItem(row: unknown, path: string): JournalItem {
  const { node, visit, params, idx, key, attempts, cost, settledAtMs, ...rest } = parseItem(row, path)
  return {
    node,
    visit,
    params,
    index: idx < 0 || idx >= apart ? undefined : idx,
    key: key ?? undefined,
    attempts,
    cost: cost ?? undefined,
    settledAtMs,
    ...(rest.status === "ok" ? { status: "ok", value: rest.value } : { status: "failed", error: rest.value }),
  }
}
