import type { GroupCommit } from "../file/group-commit.ts"
import { apart } from "./apart.ts"
import type { PlaceRow, PlaceRows, SettledRow } from "../place-rows.ts"
import { RecordSet } from "./record-set.ts"
import type { Database, Statement } from "../file/sqlite-module.ts"

/**
 * Items without a key as one session of a run asks for them: an item is known by its content and how many equal ones were
 * asked for before it. A record that is found elsewhere goes to where its item stands now, and one that is in the way goes
 * apart, where it is found when its content is asked for again.
 *
 * In a run whose items have not changed, each stands where it is looked for, and nothing is read or kept beside a bit for each.
 */
export class FollowedItems {
  readonly #database: Database
  readonly #commits: GroupCommit
  readonly #places: PlaceRows
  readonly #claimed = new RecordSet()
  /** Places whose unclaimed records are in `temp.loose`. */
  readonly #gathered = new Set<number>()
  #statements: ReturnType<typeof statementsOf> | undefined
  #moving = 0

  constructor(database: Database, commits: GroupCommit, places: PlaceRows) {
    this.#database = database
    this.#commits = commits
    this.#places = places
  }

  find(place: PlaceRow, index: number, content: string): SettledRow | undefined {
    if (place.id === undefined) {
      place.isFollowed = "new"
      return undefined
    }
    place.isFollowed ??= "resumed"
    // Rows are read by index: what has moved must be there.
    if (this.#moving > 0 && !this.#places.isRead(place, index)) this.#commits.flush()
    const row = this.#places.rowAt(place, index)
    // Until something is not where it is looked for, no equal one can be before what is.
    if (row?.content === content && (this.#claimed.has(row.item) || !this.#gathered.has(place.id))) {
      this.#claimed.add(row.item)
      return row
    }
    return place.isFollowed === "new" ? undefined : this.#first(place, place.id, index, content)
  }

  /** The first record of this content that nobody has claimed. */
  #first(place: PlaceRow, id: number, index: number, content: string): SettledRow | undefined {
    const { next, drop, move } = (this.#statements ??= statementsOf(this.#database))
    this.#gather(id)
    for (;;) {
      const found = next.get(id, content)
      if (!found) return undefined
      drop.run(id, content, found["failed"] as number, found["idx"] as number)
      const row: SettledRow = { item: found["item"] as number, content, status: found["failed"] ? "failed" : "ok" }
      if (this.#claimed.has(row.item)) continue
      this.#claimed.add(row.item)
      if (this.#places.rowAt(place, index)?.item === row.item) return row
      this.#places.put(place, index, row)
      this.#moving++
      const moved = this.#commits.add(() => {
        this.#moving--
        this.#clear(id, index)
        move.run(index, row.item)
      })
      // Where it stands is only a convenience: its content finds it again.
      moved.catch(() => {})
      return row
    }
  }

  /** Once a session and place, when first an item is not where it is looked for: whatever nobody has claimed by then. */
  #gather(id: number): void {
    if (this.#gathered.has(id)) return
    this.#gathered.add(id)
    const database = this.#database
    this.#commits.flush()
    database.exec("BEGIN")
    try {
      database.prepare("DELETE FROM temp.loose WHERE place = ?").run(id)
      const insert = database.prepare("INSERT INTO temp.loose VALUES (?, ?, ?, ?, ?)")
      const rows = database.prepare("SELECT item, idx, content, status FROM items WHERE place = ? AND key IS NULL")
      for (const { item, idx, content, status } of rows.iterate(id)) {
        if (!this.#claimed.has(item as number))
          insert.run(id, content as string, status === "failed" ? 1 : 0, idx as number, item as number)
      }
    } finally {
      database.exec("COMMIT")
    }
  }

  /** Inside a transaction, before an item is stored at `index`: a record of another content goes apart. */
  makeRoom(id: number, index: number, content: string): void {
    const { isAt } = (this.#statements ??= statementsOf(this.#database))
    const there = isAt.get(id, index)
    if (there && there["content"] !== content) this.#clear(id, index)
  }

  #clear(id: number, index: number): void {
    this.#statements?.part.run(id, apart, index)
  }

  /** This session has stored it: it is nobody else's. */
  claim(item: number): void {
    this.#claimed.add(item)
  }
}

function statementsOf(database: Database): Record<"next" | "drop" | "move" | "isAt" | "part", Statement> {
  database.exec(`CREATE TEMP TABLE IF NOT EXISTS loose (place INTEGER NOT NULL, content TEXT NOT NULL, failed INTEGER NOT NULL,
    idx INTEGER NOT NULL, item INTEGER NOT NULL, PRIMARY KEY (place, content, failed, idx)) WITHOUT ROWID`)
  return {
    next: database.prepare(
      "SELECT item, idx, failed FROM temp.loose WHERE place = ? AND content = ? ORDER BY failed, idx LIMIT 1",
    ),
    drop: database.prepare("DELETE FROM temp.loose WHERE place = ? AND content = ? AND failed = ? AND idx = ?"),
    move: database.prepare("UPDATE items SET idx = ? WHERE item = ?"),
    isAt: database.prepare("SELECT item, content FROM items WHERE place = ? AND idx = ? AND key IS NULL"),
    part: database.prepare(
      `UPDATE items SET idx = (SELECT max(max(idx) + 1, ?2) FROM items WHERE place = ?1 AND key IS NULL)
      WHERE place = ?1 AND idx = ?3 AND key IS NULL`,
    ),
  }
}
