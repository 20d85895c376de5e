import {
  type Cost,
  type Outcome,
  type RecordIdentity,
  type RunJournal,
  type SettledRecord,
  SluiceError,
} from "@sluice/core"
import { boundedText } from "@sluice/core/internal"
import { WantedContents } from "./items/align-items.ts"
import { fingerprint } from "./items/fingerprint.ts"
import { FollowedItems } from "./items/followed-items.ts"
import type { GroupCommit } from "./file/group-commit.ts"
import { translating } from "./journal-error.ts"
import { itemReader, type JournalItem } from "./items/journal-items.ts"
import { KeyClaims } from "./items/key-claims.ts"
import { type PlaceRow, PlaceRows, type SettledRow } from "./place-rows.ts"
import { plainJson } from "./values/plain-json.ts"
import { parseSettled, parseStored } from "./values/records.ts"
import { redactPlain, redactSecrets } from "./file/redact-secrets.ts"
import type { Database, Statement } from "./file/sqlite-module.ts"
import { fromStoredError, type StoredError, toStoredError } from "./values/stored-error.ts"

/** @internal What a run's journal takes from the file that it lives in. */
export interface RunStore {
  readonly database: Database
  readonly path: string
  readonly commits: GroupCommit
  readonly secrets: readonly string[]
  wallNow(): number
  release(run: number, status: string | undefined): void
  putBack(run: number): void
}

/**
 * The journal of one open run: the one process that holds it may settle items.
 *
 * An item is found again by its node, visit, params and key, or when it has no key by its content and how many equal ones
 * there were before it; a changed input or a changed `version` makes it new. Lookups are synchronous and cost a few
 * microseconds.
 */
export class SqliteRunJournal implements RunJournal {
  readonly runId: string
  readonly #store: RunStore
  readonly #run: number
  readonly #places: PlaceRows
  readonly #claims = new KeyClaims()
  readonly #followed: FollowedItems
  readonly #byKey: Statement
  readonly #read: Statement
  readonly #byIndexUpsert: Statement
  readonly #byKeyUpsert: Statement
  readonly #noteUpsert: Statement
  readonly #readItem: (item: number) => JournalItem
  #open = true

  constructor(store: RunStore, run: number, runId: string) {
    const { database } = store
    this.runId = runId
    this.#store = store
    this.#run = run
    this.#places = new PlaceRows(database, run)
    this.#followed = new FollowedItems(database, store.commits, this.#places)
    this.#byKey = database.prepare(
      "SELECT item, content, status FROM items WHERE place = ? AND key = ? AND key IS NOT NULL",
    )
    this.#read = database.prepare("SELECT item, status, attempts, value FROM items WHERE item = ?")
    const insert = `INSERT INTO items (place, idx, key, content, status, attempts, value, cost, settledAtMs)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT`
    const update = `DO UPDATE SET idx = excluded.idx, content = excluded.content, status = excluded.status, attempts = excluded.attempts,
      value = excluded.value, cost = excluded.cost, settledAtMs = excluded.settledAtMs RETURNING item`
    this.#byIndexUpsert = database.prepare(`${insert} (place, idx) WHERE key IS NULL ${update}`)
    this.#byKeyUpsert = database.prepare(`${insert} (place, key) WHERE key IS NOT NULL ${update}`)
    this.#readItem = itemReader(database, store.path)
    this.#noteUpsert = database.prepare(
      "INSERT INTO notes VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
    )
  }

  lookup(identity: RecordIdentity): SettledRecord | undefined {
    this.#check()
    return translating(this.#store.path, () => {
      const row = identity.key === undefined ? this.#follow(identity) : this.#find(identity)
      if (!row) return undefined
      const record = parseSettled(this.#read.get(row.item), this.#store.path)
      const { attempts } = record
      return record.status === "ok"
        ? { status: "ok", value: record.value, attempts }
        : { status: "failed", error: fromStoredError(record.value), attempts }
    })
  }

  /**
   * How the item was settled, if it was, and its record's number for `read`; its value stays on disk. Several times
   * faster than `lookup`, and looks for an item without a key only where it stood: `align` lets them follow.
   */
  find(identity: RecordIdentity): { readonly item: number; readonly status: "ok" | "failed" } | undefined {
    this.#check()
    return translating(this.#store.path, () => this.#find(identity))
  }

  /** Whether anything is settled at an item's index or key, whatever its content. */
  holds(identity: RecordIdentity): boolean {
    this.#check()
    const place = this.#places.of(identity)
    const { key, index = -1 } = identity
    return translating(
      this.#store.path,
      () => (key === undefined ? this.#places.rowAt(place, index) : this.#rowOf(place, key)) !== undefined,
    )
  }

  /** A whole settled item by its record's number. */
  read(item: number): JournalItem {
    this.#check()
    return this.#readItem(item)
  }

  /**
   * Lets settled items without a key follow their inputs: each goes to the index at which `inputs` have its content, so
   * that a line put in at the top asks nothing again. Returns how many went.
   */
  async align(site: Omit<RecordIdentity, "index" | "key" | "input">, inputs: AsyncIterable<unknown>): Promise<number> {
    this.#check()
    const { database, path, commits } = this.#store
    const place = this.#places.of(site as RecordIdentity)
    if (place.id === undefined) return 0
    const { id } = place
    const wanted = translating(path, () => new WantedContents(database))
    try {
      let index = 0
      for await (const input of inputs) wanted.add(index++, fingerprint(input, site.version, site.node))
      let moved = 0
      await commits.add(() => void (moved = wanted.align(id)))
      return moved
    } finally {
      this.#places.forget()
      wanted.drop()
    }
  }

  #find(identity: RecordIdentity): SettledRow | undefined {
    const place = this.#places.of(identity)
    const { key, index = -1 } = identity
    if (key !== undefined) this.#claim(place, key, index)
    const row = key === undefined ? this.#places.rowAt(place, index) : this.#rowOf(place, key)
    if (!row) return undefined
    return row.content === fingerprint(identity.input, identity.version, identity.node) ? row : undefined
  }

  #follow(identity: RecordIdentity): SettledRow | undefined {
    const content = fingerprint(identity.input, identity.version, identity.node)
    return this.#followed.find(this.#places.of(identity), identity.index ?? -1, content)
  }

  #rowOf(place: PlaceRow, key: string): SettledRow | undefined {
    if (place.id === undefined) return undefined
    return this.#byKey.get(place.id, key) as SettledRow | undefined
  }

  #claim(place: PlaceRow, key: string, index: number): void {
    const other = this.#claims.claim(`${place.name}\n${key}`, index)
    if (other === undefined) return
    throw new SluiceError(
      "duplicate-key",
      `Items ${other} and ${index} of node "${place.node}" have the same key "${key}". Give each item a key of its own, or none.`,
      { details: { node: place.node, key, indexes: [other, index] } },
    )
  }

  async settle(identity: RecordIdentity, outcome: Outcome<unknown>, cost?: Cost): Promise<void> {
    this.#check()
    const { node, key, index = -1 } = identity
    const place = this.#places.of(identity)
    const content = fingerprint(identity.input, identity.version, node)
    const value = this.#text(identity, outcome)
    const rest = [
      key ?? null,
      content,
      outcome.status,
      outcome.attempts,
      value,
      cost ? JSON.stringify(cost) : null,
    ] as const
    const upsert = key === undefined ? this.#byIndexUpsert : this.#byKeyUpsert
    const at = this.#store.wallNow()
    let item = 0
    try {
      await this.#store.commits.add(() => {
        const id = this.#places.stored(place)
        const isFollowed = key === undefined && place.isFollowed !== undefined
        if (isFollowed) this.#followed.makeRoom(id, index, content)
        item = upsert.get(id, index, ...rest, at)?.["item"] as number
        if (isFollowed) this.#followed.claim(item)
      })
    } catch (error) {
      this.#places.forget()
      throw error
    }
    if (key === undefined) place.window?.rows.set(index, { item, content, status: outcome.status })
  }

  #text(identity: RecordIdentity, outcome: Outcome<unknown>): string | null {
    if (outcome.status === "failed") return this.#errorText(identity, toStoredError(outcome.error))
    if (outcome.value === undefined) return null
    const site = identity.index === undefined ? "" : ` for item ${identity.index}`
    return plainJson(
      outcome.value,
      (problem) =>
        new SluiceError(
          "not-serialisable",
          `Node "${identity.node}" made a result${site} that cannot be stored: ${problem}. Return plain data (strings, finite numbers, booleans, null, arrays, plain objects).`,
          { details: { node: identity.node, index: identity.index } },
        ),
      (value) => redactPlain(value, this.#store.secrets, identity.input),
    )
  }

  #errorText(identity: RecordIdentity, { kept, ...error }: StoredError): string {
    const { secrets } = this.#store
    const text = JSON.stringify(error, (_name, value: unknown) =>
      typeof value === "string" ? boundedText(redactSecrets(value, secrets)) : value,
    )
    if (kept === undefined) return text
    return `${text.slice(0, -1)},"kept":${JSON.stringify(redactPlain(kept, secrets, identity.input))}}`
  }

  /** What was last stored under `name`: a vendor batch's id, a position. */
  note(name: string): unknown {
    this.#check()
    const row = translating(this.#store.path, () =>
      this.#store.database.prepare("SELECT value FROM notes WHERE run = ? AND name = ?").get(this.#run, name),
    )
    return row && parseStored(row["value"], this.#store.path, `note "${name}"`)
  }

  /** Stores a small fact beside the items; resolves when it is durable. */
  async putNote(name: string, value: unknown): Promise<void> {
    this.#check()
    const text = plainJson(value, (problem) => new SluiceError("not-serialisable", `Note "${name}": ${problem}.`))
    await this.#store.commits.add(() => void this.#noteUpsert.run(this.#run, name, text))
  }

  async end(status: "ok" | "failed" | "cancelled"): Promise<void> {
    this.#check()
    this.#open = false
    this.#store.commits.flush()
    this.#store.release(this.#run, status)
  }

  /** Gives the run back as `openRun` found it, for whoever finds that it must not begin; a new run that has no item is gone. */
  async leave(): Promise<void> {
    this.#check()
    this.#open = false
    this.#store.commits.flush()
    this.#store.putBack(this.#run)
  }

  #check(): void {
    if (this.#open) return
    throw new SluiceError("journal-write", `Run "${this.runId}" has ended; open it again to go on.`)
  }
}
