import type * as Sqlite from "node:sqlite"
import { SluiceError } from "@sluice/core"

/** The rows and parameters of a statement. */
type Value = null | number | bigint | string | Uint8Array
type Named = Readonly<Record<string, Value>>
type Row = Record<string, Value>

// What is used of `node:sqlite`, in words of its own: whoever compiles against this package may have no types of Node.
/** A prepared statement. */
export interface Statement {
  get(...values: Value[]): Row | undefined
  get(named: Named, ...values: Value[]): Row | undefined
  all(...values: Value[]): Row[]
  all(named: Named, ...values: Value[]): Row[]
  iterate(...values: Value[]): IterableIterator<Row>
  iterate(named: Named, ...values: Value[]): IterableIterator<Row>
  run(...values: Value[]): { readonly changes: number | bigint; readonly lastInsertRowid: number | bigint }
}

/** An open database. */
export interface Database {
  readonly isOpen: boolean
  readonly isTransaction: boolean
  exec(sql: string): void
  prepare(sql: string): Statement
  close(): void
}

/** How one is opened. */
export interface OpeningOptions {
  readonly readOnly?: boolean
  /** Milliseconds to wait for somebody else's lock. */
  readonly timeout?: number
}

let sqlite: typeof Sqlite | undefined

/** Opens a database. Throws `usage` with the version that is needed where Node has no SQLite of its own. */
export function openSqlite(path: string | URL, options: OpeningOptions = {}): Database {
  sqlite ??= load()
  if (!sqlite) {
    throw new SluiceError(
      "usage",
      `The journal needs Node 22.18 or later, which brings SQLite; this is ${process.version}. Upgrade Node, or run without a journal.`,
    )
  }
  return new sqlite.DatabaseSync(path, options)
}

// Node 22 announces node:sqlite as experimental when it is first loaded. The API used here is the one Node 24 ships as
// stable, so the announcement is kept from people; loading is synchronous, so no other warning can be caught by this.
function load(): typeof Sqlite | undefined {
  const own = Object.getOwnPropertyDescriptor(process, "emitWarning")
  process.emitWarning = () => {}
  try {
    return (process as Partial<NodeJS.Process>).getBuiltinModule?.("node:sqlite")
  } finally {
    if (own) Object.defineProperty(process, "emitWarning", own)
  }
}
