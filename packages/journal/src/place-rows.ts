import type { RecordIdentity } from "@sluice/core"
import { SluiceError } from "@sluice/core"
import { canonicalJson } from "./values/plain-json.ts"
import type { Database, Statement } from "./file/sqlite-module.ts"

/** What the journal keeps of a settled item without its value. */
export interface SettledRow {
  readonly item: number
  readonly content: string
  readonly status: "ok" | "failed"
}

/** A node at one visit with one set of params: what the items of one batch have in common. */
export interface PlaceRow {
  readonly name: string
  readonly node: string
  readonly visit: number
  readonly params: string
  /** The row's number; absent until something of this place is stored. */
  id: number | undefined
  /** Its items are looked up wherever they stand. `"new"`: nothing was stored here before this session. */
  isFollowed?: "new" | "resumed"
  /** Rows `from` to `from + windowSize` by index: items are asked for in order, so one query serves many lookups. */
  window?: { readonly from: number; readonly rows: Map<number, SettledRow> }
}

const windowSize = 512

/** The places of one run. */
export class PlaceRows {
  readonly #run: number
  readonly #find: Statement
  readonly #insert: Statement
  readonly #range: Statement
  readonly #known = new Map<string, PlaceRow>()
  #last: { readonly params: RecordIdentity["params"]; readonly place: PlaceRow } | undefined

  constructor(database: Database, run: number) {
    this.#run = run
    this.#find = database.prepare("SELECT place FROM places WHERE run = ? AND node = ? AND visit = ? AND params = ?")
    this.#insert = database.prepare("INSERT INTO places (run, node, visit, params) VALUES (?, ?, ?, ?) RETURNING place")
    this.#range = database.prepare(
      "SELECT item, idx, content, status FROM items WHERE place = ? AND key IS NULL AND idx >= ? AND idx < ?",
    )
  }

  of(identity: RecordIdentity): PlaceRow {
    const { node, visit, params } = identity
    const last = this.#last
    if (last?.params === params && last.place.node === node && last.place.visit === visit) return last.place
    const text = canonicalJson(
      params,
      (problem) =>
        new SluiceError(
          "not-serialisable",
          `The params of node "${node}" cannot be stored: ${problem.replace(/^value/, "params")}.`,
          { details: { node } },
        ),
    )
    const name = `${node}\n${visit}\n${text}`
    let place = this.#known.get(name)
    if (!place) {
      const row = this.#find.get(this.#run, node, visit, text)
      place = { name, node, visit, params: text, id: row?.["place"] as number | undefined }
      this.#known.set(name, place)
    }
    this.#last = { params, place }
    return place
  }

  /** Whether `rowAt` answers without a query. */
  isRead({ window }: PlaceRow, index: number): boolean {
    return window !== undefined && index >= window.from && index < window.from + windowSize
  }

  /** The row of the keyless item at `index`. */
  rowAt(place: PlaceRow, index: number): SettledRow | undefined {
    if (place.id === undefined) return undefined
    let { window } = place
    if (!window || !this.isRead(place, index)) {
      window = { from: index, rows: new Map() }
      for (const row of this.#range.all(place.id, index, index + windowSize)) {
        window.rows.set(row["idx"] as number, row as unknown as SettledRow)
      }
      place.window = window
    }
    return window.rows.get(index)
  }

  /** A row stands at `index` from now on. */
  put({ window }: PlaceRow, index: number, row: SettledRow): void {
    if (!window) return
    for (const [at, { item }] of window.rows) if (item === row.item) window.rows.delete(at)
    window.rows.set(index, row)
  }

  /** Inside a transaction: the place's number, made now if need be. */
  stored(place: PlaceRow): number {
    place.id ??= this.#insert.get(this.#run, place.node, place.visit, place.params)?.["place"] as number
    return place.id
  }

  /** After a rollback: numbers made in it are void. */
  forget(): void {
    this.#known.clear()
    this.#last = undefined
  }
}
