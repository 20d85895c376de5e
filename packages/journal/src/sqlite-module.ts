import type * as Sqlite from "node:sqlite"

// Node 22 announces node:sqlite as experimental when it is first loaded. The API used here is the one Node 24 ships as
// stable, so the announcement is kept from people; loading is synchronous, so no other warning can be caught by this.
function load(): typeof Sqlite {
  const own = Object.getOwnPropertyDescriptor(process, "emitWarning")
  process.emitWarning = () => {}
  try {
    return process.getBuiltinModule("node:sqlite")
  } finally {
    if (own) Object.defineProperty(process, "emitWarning", own)
  }
}

export const DatabaseSync: typeof Sqlite.DatabaseSync = load().DatabaseSync
export type Database = Sqlite.DatabaseSync
export type Statement = Sqlite.StatementSync
