import { closeSync, openSync, readFileSync, realpathSync, rmSync, statSync } from "node:fs"
import { basename, dirname, join } from "node:path"
// Loaded after the journal, which keeps Node 22 from announcing it as experimental.
import { DatabaseSync } from "node:sqlite"
import { SluiceError } from "@sluice/core"
import { usageError } from "../usage-error.ts"
import { checkLink } from "./result-places.ts"

/** SQLite's numbers for: somebody else holds it · it is no database. */
const [busy, noDatabase] = [5, 26]
/** Where its header has a number for our use. */
const pidAt = 60

/**
 * Holds the results at `out` for this process until the function that it returns is called: a journal holds its run, and two runs with a journal each,
 * or with none, may be told to write one file. The system takes the lock back however the process ends, so what a killed one leaves is free.
 * Throws `journal-locked` while another process has it.
 */
export function lockResults(out: string): () => void {
  // A device or a folder, which is refused for that.
  if (!(statSync(out, { throwIfNoEntry: false })?.isFile() ?? true)) return () => {}
  const path = `${placeOf(out)}.lock`
  for (;;) {
    checkLink(path)
    create(path)
    const before = statSync(path, { throwIfNoEntry: false })?.ino
    const database = new DatabaseSync(path, { timeout: 0 })
    const isHeld = take(database, path, out)
    if (!isHeld) return () => {}
    // Its last holder may have removed it just before we took it.
    if (statSync(path, { throwIfNoEntry: false })?.ino === before) {
      return () => {
        // While it is held: whoever comes then makes a new one. Windows removes no file that is open.
        if (process.platform !== "win32") rmSync(path, { force: true })
        database.close()
        if (process.platform === "win32") rmSync(path, { force: true })
      }
    }
    database.close()
  }
}

/** The file itself, behind a link that somebody chose. */
function placeOf(out: string): string {
  return statSync(out, { throwIfNoEntry: false }) ? realpathSync(out) : join(realpathSync(dirname(out)), basename(out))
}

function create(path: string): void {
  try {
    closeSync(openSync(path, "a", 0o600))
  } catch (error) {
    throw usageError(`Cannot write ${path}: ${(error as Error).message}.`)
  }
}

/** `false` where the file system knows no locks: then there is none to have, and journals say so where one is kept. */
function take(database: DatabaseSync, path: string, out: string): boolean {
  try {
    // Exclusive: what is written once stays locked. The number is for whoever is refused.
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")
    database.exec(`BEGIN EXCLUSIVE; PRAGMA user_version = ${process.pid}; COMMIT`)
    return true
  } catch (error) {
    database.close()
    const { errcode } = error as { errcode?: number }
    if (errcode === noDatabase) throw usageError(`${path} exists and is not of this run. Move it away.`)
    if (errcode === busy) throw otherProcess(path, out)
    return false
  }
}

function otherProcess(path: string, out: string): SluiceError {
  const header = readFileSync(path)
  const pid = header.length < pidAt + 4 ? 0 : header.readInt32BE(pidAt)
  const [who, attach] = pid > 0 ? [`process ${pid}`, `watch it (sluice attach ${pid}), `] : ["another process", ""]
  return new SluiceError(
    "journal-locked",
    `--out ${out}: ${who} is writing these results. Wait for it, ${attach}stop it, or give another --out.`,
    { details: { path, ...(pid > 0 && { pid }) } },
  )
}
