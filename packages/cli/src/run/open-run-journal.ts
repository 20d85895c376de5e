import { mkdtempSync, rmSync } from "node:fs"
import { hostname, tmpdir } from "node:os"
import { join } from "node:path"
import { SluiceError } from "@sluice/core"
import { openJournal, type SqliteJournal, type SqliteRunJournal } from "@sluice/journal"
import type { Terminal } from "../display/terminal.ts"
import { keysIn } from "../model/model-name.ts"
import { usageError } from "../usage-error.ts"

/** The journal of a run: at `path`, or for this process alone. */
export function openRunJournal(path: string | undefined, terminal: Terminal): SqliteJournal {
  return path === undefined ? openTemporary(terminal) : openForWriting(path, terminal)
}

/** A place that cannot be written is found before the run: somebody chose it. */
function openForWriting(path: string, { env, clock }: Terminal): SqliteJournal {
  try {
    return openJournal({ path, secrets: keysIn(env), clock })
  } catch (error) {
    throw SluiceError.isInstance(error) && error.code === "journal-write" ? usageError(error.message) : error
  }
}

/**
 * A journal for this process alone. Its file has no name from the start: whatever ends the process, no answer is left behind.
 */
function openTemporary(terminal: Terminal): SqliteJournal {
  const folder = temporaryFolder()
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  try {
    const journal = openForWriting(join(folder, "journal"), terminal)
    // Windows removes no file that is open.
    if (process.platform === "win32") process.once("exit", remove)
    return journal
  } finally {
    if (process.platform !== "win32") remove()
  }
}

function temporaryFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), "sluice-run-"))
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException
    throw usageError(
      `Cannot write to the temporary folder ${tmpdir()} (${code}). Name one with TMPDIR, or keep the run with --journal FILE.`,
    )
  }
}

export function answersIn(journal: SqliteJournal, runId: string): number {
  return journal.runs().find((run) => run.runId === runId)?.ok ?? 0
}

/** A process on this machine has the run: what the journal says of it, as this command calls things. */
export function otherWriter({ out, journal }: { out?: string; journal?: string | false }): (error: unknown) => never {
  return (error) => {
    if (!SluiceError.isInstance(error) || error.code !== "journal-locked") throw error
    const { pid, host } = error.details
    if (typeof pid !== "number" || pid === process.pid || host !== hostname()) throw error
    const [option, name] = out === undefined || out === "-" ? ["--journal", journal || ""] : ["--out", out]
    throw new SluiceError(
      "journal-locked",
      `${option} ${name}: process ${pid} is at work on it. Wait for it, watch it (sluice attach ${pid}), stop it, or give another ${option}.`,
      { details: error.details, cause: error },
    )
  }
}

/** Nothing was begun: the run stays as it was. */
export function leaving(run: SqliteRunJournal): (error: unknown) => Promise<never> {
  return async (error) => {
    await run.leave()
    throw error
  }
}
