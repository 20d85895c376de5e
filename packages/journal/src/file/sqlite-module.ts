import type * as Sqlite from "node:sqlite"
import { SluiceError } from "@sluice/core"

export type Database = Sqlite.DatabaseSync
export type Statement = Sqlite.StatementSync

let sqlite: typeof Sqlite | undefined

/** Opens a database. Throws `usage` with the version that is needed where Node has no SQLite of its own. */
export function openSqlite(path: string | URL, options: Sqlite.DatabaseSyncOptions = {}): Database {
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
