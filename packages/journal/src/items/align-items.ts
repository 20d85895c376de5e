import type { Database } from "../file/sqlite-module.ts"

/** Contents by index in a table of this connection alone, so that a million of them need no memory. */
export class WantedContents {
  readonly #database: Database
  readonly #insert: (index: number, content: string) => void

  constructor(database: Database) {
    this.#database = database
    this.drop()
    database.exec("CREATE TEMP TABLE wanted (idx INTEGER PRIMARY KEY, content TEXT NOT NULL)")
    const insert = database.prepare("INSERT INTO temp.wanted VALUES (?, ?)")
    this.#insert = (index, content) => void insert.run(index, content)
  }

  add(index: number, content: string): void {
    this.#insert(index, content)
  }

  /**
   * Inside a transaction: the keyless items of `place` go to the index where their content is wanted. Answers that
   * nobody wants make room behind all others, where they are found when they are wanted again. Returns how many went.
   */
  align(place: number): number {
    const database = this.#database
    // What lies where it is wanted stays, also when the same content is wanted elsewhere.
    database
      .prepare(
        `CREATE TEMP TABLE moves AS
        WITH here AS (
          SELECT item, idx FROM items JOIN temp.wanted USING (idx, content) WHERE place = ?1 AND key IS NULL),
        had AS (
          SELECT item, content, row_number() OVER (PARTITION BY content ORDER BY idx) AS nth FROM items
          WHERE place = ?1 AND key IS NULL AND item NOT IN (SELECT item FROM here)),
        open AS (
          SELECT idx, content, row_number() OVER (PARTITION BY content ORDER BY idx) AS nth FROM temp.wanted
          WHERE idx NOT IN (SELECT idx FROM here))
        SELECT item, idx AS target FROM had JOIN open USING (content, nth)`,
      )
      .run(place)
    const { moved } = database.prepare("SELECT count(*) AS moved FROM temp.moves").get() as { moved: number }
    database
      .prepare(
        `INSERT INTO temp.moves
        SELECT item, (SELECT max(idx) FROM (SELECT max(idx) AS idx FROM items WHERE place = ?1 UNION SELECT max(idx) FROM temp.wanted))
          + row_number() OVER (ORDER BY idx)
        FROM items WHERE place = ?1 AND key IS NULL
          AND item NOT IN (SELECT item FROM temp.moves) AND (idx IN (SELECT target FROM temp.moves)
            OR status = 'ok' AND EXISTS (SELECT 1 FROM temp.wanted WHERE wanted.idx = items.idx AND wanted.content <> items.content))`,
      )
      .run(place)
    // By way of numbers that no index has: two items never have one index.
    database.exec("UPDATE items SET idx = -2 - target FROM temp.moves WHERE items.item = moves.item")
    database.prepare("UPDATE items SET idx = -2 - idx WHERE place = ? AND key IS NULL AND idx < -1").run(place)
    return moved
  }

  drop(): void {
    this.#database.exec("DROP TABLE IF EXISTS temp.wanted; DROP TABLE IF EXISTS temp.moves")
  }
}
