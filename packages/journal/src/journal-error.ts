import { SluiceError } from "@sluice/core"

const advice: Readonly<Record<number, string>> = {
  5: "Another process is writing to it for longer than the journal waits.",
  8: "The file or its folder is read-only. Make it writable or choose another path.",
  10: "The disk did not take the data. Check for free space, a quota, or a failing device; nothing settled before is lost.",
  13: "The disk is full. Free some space and start again; nothing settled before is lost.",
  14: "The folder does not exist or may not be written. Create it, or choose another path.",
}

/** Puts what SQLite says about the file at `path` into the words of the journal. Other errors pass unchanged. */
export function journalError(error: unknown, path: string): unknown {
  const { code, errcode, message } = (error ?? {}) as { code?: unknown; errcode?: unknown; message?: unknown }
  if (code === "ERR_OUT_OF_RANGE") return damaged(path, "a number is too large", error)
  if (code !== "ERR_SQLITE_ERROR" || typeof errcode !== "number" || typeof message !== "string") return error
  const primary = errcode & 0xff
  if (primary === 11 || primary === 26) return damaged(path, message, error)
  return new SluiceError(
    primary === 5 || primary === 6 ? "journal-locked" : "journal-write",
    `Cannot use the journal ${path}: ${message}. ${advice[primary] ?? ""}`.trimEnd(),
    { cause: error, details: { path, sqliteCode: errcode } },
  )
}

/** What is in the file cannot have been written by a journal. */
export function damaged(path: string, problem: string, cause?: unknown): SluiceError {
  return new SluiceError(
    "journal-unreadable",
    `${path} is damaged (${problem}). \`sluice export\` reads what can be read; move the file away to start afresh.`,
    { cause, details: { path } },
  )
}

/** Runs `fn`, with SQLite's errors put into the journal's words. */
export function translating<T>(path: string, fn: () => T): T {
  try {
    return fn()
  } catch (error) {
    throw journalError(error, path)
  }
}
