import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs"
import { pathToFileURL } from "node:url"
import { SluiceError } from "@sluice/core"
import { translating } from "../journal-error.ts"
import { type Database, openSqlite } from "./sqlite-module.ts"

/** "SLUI": marks the file as ours in SQLite's header. */
const applicationId = 0x53_4c_55_49
/** Raised whenever a table changes. */
export const schemaVersion = 1

const schema = `
  CREATE TABLE runs (
    run INTEGER PRIMARY KEY, runId TEXT NOT NULL UNIQUE, flow TEXT NOT NULL, status TEXT NOT NULL,
    startedAtMs INTEGER NOT NULL, endedAtMs INTEGER, writer TEXT
  );
  CREATE TABLE places (
    place INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs, node TEXT NOT NULL, visit INTEGER NOT NULL,
    params TEXT NOT NULL, UNIQUE (run, node, visit, params)
  );
  -- One row per item: idx is -1 for steps. A key, where the user gave one, identifies the item; else its index does.
  CREATE TABLE items (
    item INTEGER PRIMARY KEY, place INTEGER NOT NULL REFERENCES places, idx INTEGER NOT NULL, key TEXT,
    content TEXT NOT NULL, status TEXT NOT NULL, attempts INTEGER NOT NULL, value TEXT, cost TEXT, settledAtMs INTEGER NOT NULL
  );
  CREATE UNIQUE INDEX items_by_index ON items (place, idx) WHERE key IS NULL;
  CREATE UNIQUE INDEX items_by_key ON items (place, key) WHERE key IS NOT NULL;
  CREATE INDEX items_with_key ON items (place, idx) WHERE key IS NOT NULL;
  CREATE TABLE notes (run INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (run, name));
  CREATE TABLE responses (request BLOB PRIMARY KEY, value TEXT NOT NULL, storedAtMs INTEGER NOT NULL) WITHOUT ROWID;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${schemaVersion};
`

/** Opens the file, creating it (mode 0600) unless `readOnly`. Refuses what is not a journal, or one of a newer version. */
export function openDatabase(path: string, readOnly: boolean, synchronous: "full" | "normal"): Database {
  if (readOnly && !existsSync(path)) {
    throw new SluiceError("journal-unreadable", `There is no journal at ${path}.`, { details: { path } })
  }
  const inMemory = path === ":memory:"
  if (!inMemory) checkKind(path, readOnly)
  if (!readOnly && !inMemory) createPrivate(path)
  const empty = inMemory || checkHeader(path)
  return translating(path, () => {
    const database = readOnly ? openForReading(path) : openSqlite(path, { timeout: 5_000 })
    try {
      // The file may be anybody's: nothing in its schema is run.
      database.exec("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON")
      if (empty && !readOnly) {
        database.exec("PRAGMA journal_mode = WAL")
        // Two processes may get here at once: the second finds the tables.
        database.exec("BEGIN IMMEDIATE")
        if (pragma(database, "application_id") === 0) database.exec(schema)
        database.exec("COMMIT")
      }
      checkVersion(database, path)
      checkSchema(database, path)
      database.exec(`PRAGMA synchronous = ${synchronous}; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -4000`)
      return database
    } catch (error) {
      database.close()
      throw error
    }
  })
}

/**
 * Puts what was written into the file itself. SQLite does so when the last one closes it; while somebody reads it, as a page does, the end of
 * it would stay in the file beside it, and be missing where the one is copied without the other.
 */
export function intoOneFile(database: Database): void {
  try {
    // Who is in the middle of reading is not waited for.
    database.exec("PRAGMA busy_timeout = 0; PRAGMA wal_checkpoint(TRUNCATE)")
  } catch {
    // It is whole with the file beside it.
  }
}

/** Reading a pipe would wait for whoever writes into it. */
function checkKind(path: string, readOnly: boolean): void {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() ?? true) return
  const message = `${path} is no file that could be a journal. Choose another path.`
  throw new SluiceError(readOnly ? "journal-unreadable" : "journal-write", message, { details: { path } })
}

function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, "a", 0o600))
  } catch (error) {
    throw new SluiceError(
      "journal-write",
      `Cannot write the journal ${path}: ${(error as Error).message}. Make its folder writable or choose another path.`,
      { cause: error, details: { path } },
    )
  }
}

/** Whether the file is empty. Throws when it is something else than SQLite's. */
function checkHeader(path: string): boolean {
  const header = Buffer.alloc(16)
  const file = translating(path, () => openSync(path, "r"))
  const length = readSync(file, header, 0, 16, 0)
  closeSync(file)
  if (length > 0 && header.toString("latin1") !== "SQLite format 3\0") {
    throw new SluiceError(
      "journal-unreadable",
      `${path} is not a journal: it does not begin like an SQLite file. It was left untouched; choose another path.`,
      { details: { path } },
    )
  }
  return length === 0
}

function checkVersion(database: Database, path: string): void {
  if (pragma(database, "application_id") !== applicationId) {
    throw new SluiceError(
      "journal-unreadable",
      `${path} is a database of another program, not a journal. It was left untouched; choose another path.`,
      { details: { path } },
    )
  }
  const version = pragma(database, "user_version")
  if (version !== schemaVersion) {
    throw new SluiceError(
      "journal-version",
      `${path} was written by a newer Sluice (schema ${version}; this one knows ${schemaVersion}). Upgrade Sluice to read it.`,
      { details: { path, version, known: schemaVersion } },
    )
  }
}

/** Views, triggers and expressions run when a table is read or written: a journal has none, and only tables as made here. */
function checkSchema(database: Database, path: string): void {
  const rows = database.prepare("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL").all()
  const foreign = rows.find(
    ({ name, sql }) => !ownSchema().has(sql) && name !== "sqlite_stat1" && name !== "sqlite_stat4",
  )
  if (!foreign) return
  throw new SluiceError(
    "journal-unreadable",
    `${path} is no journal as Sluice makes them: its ${String(foreign["type"])} "${String(foreign["name"])}" is not ours. It was left untouched; choose another path.`,
    { details: { path } },
  )
}

let statements: ReadonlySet<unknown> | undefined

/** What each table and index is made with, as SQLite keeps it. */
function ownSchema(): ReadonlySet<unknown> {
  if (!statements) {
    const fresh = openSqlite(":memory:")
    fresh.exec(schema)
    statements = new Set(
      fresh
        .prepare("SELECT sql FROM sqlite_schema")
        .all()
        .map(({ sql }) => sql),
    )
    fresh.close()
  }
  return statements
}

function openForReading(path: string): Database {
  const database = openSqlite(path, { readOnly: true, timeout: 5_000 })
  try {
    database.prepare("SELECT count(*) FROM sqlite_schema").get()
    return database
  } catch (error) {
    database.close()
    // A folder that cannot be written has no place for the shared-memory file; a cleanly closed journal needs none.
    if (existsSync(`${path}-wal`)) throw error
    const url = pathToFileURL(path)
    url.search = "immutable=1"
    return openSqlite(url, { readOnly: true })
  }
}

function pragma(database: Database, name: string): number {
  return database.prepare(`PRAGMA ${name}`).get()?.[name] as number
}
