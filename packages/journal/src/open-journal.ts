// Declared for who compiles against this: no `lib` of a target has it yet.
/// <reference lib="esnext.disposable" preserve="true" />
import type { Clock, Journal } from "@sluice/core"
import { SluiceError } from "@sluice/core"
import { systemClock } from "@sluice/scheduler"
import {
  anyText,
  type Check,
  checkOptions,
  clock as isClock,
  count,
  flag,
  listOf,
  needed,
  oneOf,
  type Shape,
  text,
} from "@sluice/core/internal"
import { GroupCommit } from "./file/group-commit.ts"
import { damaged, journalError, translating } from "./journal-error.ts"
import { type ItemQuery, type JournalItem, readItems } from "./items/journal-items.ts"
import { RunView } from "./items/run-view.ts"
import { listRuns, type RunSummary } from "./list-runs.ts"
import { intoOneFile, openDatabase } from "./file/open-database.ts"
import { parseRun, parseStored, type RunRecord } from "./values/records.ts"
import { ResponseCache } from "./responses/response-cache.ts"
import { type RunStore, SqliteRunJournal } from "./run-journal.ts"
import type { Database } from "./file/sqlite-module.ts"
import { thisWriter, writerState } from "./file/writer-lock.ts"

export interface JournalOptions {
  /** The file, or `":memory:"`. Created with mode 0600; prompts and answers are in it, in the clear. */
  readonly path: string
  /** Only read: nothing is created, locked or changed. Default false. */
  readonly readOnly?: boolean
  /** Texts that must never be stored, such as API keys; they become `[redacted]`. Short ones (< 8) are not accepted. */
  readonly secrets?: readonly string[]
  /**
   * `"full"` (default): what is settled survives a power cut. `"normal"`: it survives the end of the process however
   * that comes, and a power cut may take the last moments (never the file); commits are then some 50 times cheaper.
   */
  readonly synchronous?: "full" | "normal"
  readonly clock?: Clock
}

/** Whoever lists records by number takes four bytes for each. */
const maxRecord = 2 ** 32 - 1

/** The error does not show it. */
const longSecret: Check = (secret) => {
  if (typeof secret === "string" && secret.length >= 8) return undefined
  const wanted = "a text of at least 8 characters, since a shorter one would redact ordinary text"
  return { path: "", wanted, got: "a shorter one" }
}

const checks: Shape<JournalOptions> = {
  path: needed(text),
  readOnly: flag,
  secrets: listOf(longSecret),
  synchronous: oneOf("full", "normal"),
  clock: isClock,
}

/**
 * Opens the record of runs in one SQLite file.
 *
 * `settle` of a run resolves when the outcome is on disk; outcomes of one turn of the event loop share one transaction.
 * One process writes a run at a time; different runs may share the file. Errors carry `journal-unreadable`,
 * `journal-version`, `journal-write` or `journal-locked`, the path, and what to do.
 *
 * @example
 * ```ts
 * await using journal = openJournal({ path: ":memory:" })
 * const run = await journal.openRun({ runId: "monday", flow: "digest" })
 * const item = { node: "digest/summarise", visit: 0, params: {}, index: 0, input: "a long text" }
 * await run.settle(item, { status: "ok", index: 0, value: "a short one", attempts: 1 })
 * run.lookup(item) // => { status: "ok", value: "a short one", attempts: 1 }
 * ```
 */
export function openJournal(options: JournalOptions): SqliteJournal {
  checkOptions("openJournal", options, checks)
  const { path, readOnly = false, secrets = [], synchronous = "full", clock = systemClock } = options
  return new SqliteJournal({ path, readOnly, secrets, synchronous, clock })
}

interface RunRequest {
  readonly runId: string
  readonly flow: string
  readonly takeOver?: boolean
}

const requestChecks: Shape<RunRequest> = { runId: needed(text), flow: needed(text), takeOver: flag }

const queryChecks: Shape<ItemQuery> = {
  status: oneOf("ok", "failed"),
  node: text,
  key: anyText,
  order: oneOf("settled", "input"),
  fromIndex: count(0),
}

/** The journal that `openJournal` opens. */
export class SqliteJournal implements Journal, AsyncDisposable {
  readonly path: string
  /** Answers to identical requests; see `cachedCall` and `cachedFetch`. */
  readonly responses: ResponseCache
  readonly #database: Database
  readonly #isReadOnly: boolean
  readonly #commits: GroupCommit
  readonly #store: RunStore
  /** The open runs, each as it was before; `undefined` when it was new. */
  readonly #open = new Map<number, RunRecord | undefined>()

  /** @internal */
  constructor(options: Required<JournalOptions>) {
    const { path, clock } = options
    this.path = path
    this.#isReadOnly = options.readOnly
    this.#database = openDatabase(path, options.readOnly, options.synchronous)
    this.#commits = new GroupCommit(this.#database, path, clock)
    this.responses = new ResponseCache(this.#database, path, this.#commits, () => clock.wallNow(), options.secrets)
    this.#store = {
      database: this.#database,
      path,
      commits: this.#commits,
      secrets: options.secrets,
      wallNow: () => clock.wallNow(),
      release: (run, status) => this.#release(run, status),
      putBack: (run) => this.#putBack(run),
    }
  }

  /**
   * Opens a run, new or known, for writing. Rejects with `journal-locked` while another process writes it; a process
   * that is gone holds nothing. `takeOver` is for the one case where that cannot be seen: it ran on another machine.
   */
  async openRun(request: RunRequest): Promise<SqliteRunJournal> {
    checkOptions("openRun", request, requestChecks)
    return translating(this.path, () => {
      this.#database.exec("BEGIN IMMEDIATE")
      try {
        const { run, before } = this.#claim(request.runId, request.flow, request.takeOver ?? false)
        this.#database.exec("COMMIT")
        this.#open.set(run, before)
        return new SqliteRunJournal(this.#store, run, request.runId)
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec("ROLLBACK")
        throw error
      }
    })
  }

  #claim(runId: string, flow: string, takeOver: boolean): { readonly run: number; readonly before?: RunRecord } {
    const last = this.#database.prepare("SELECT max(item) AS item FROM items").get()?.["item"] ?? 0
    if (Number(last) > maxRecord) throw damaged(this.path, `record ${String(last)} is beyond what a journal holds`)
    const row = this.#database.prepare("SELECT * FROM runs WHERE runId = ?").get(runId)
    const writer = JSON.stringify(thisWriter())
    if (!row) {
      const { lastInsertRowid } = this.#database
        .prepare("INSERT INTO runs (runId, flow, status, startedAtMs, writer) VALUES (?, ?, 'running', ?, ?)")
        .run(runId, flow, this.#store.wallNow(), writer)
      return { run: Number(lastInsertRowid) }
    }
    const known = parseRun(row, this.path)
    if (known.flow !== flow) {
      throw new SluiceError(
        "invalid-option",
        `Run "${runId}" belongs to flow "${known.flow}", not "${flow}". Use another run id.`,
      )
    }
    if (known.writer) {
      const state = writerState(known.writer)
      const who = `process ${known.writer.pid}`
      const refuse = (message: string): SluiceError =>
        new SluiceError("journal-locked", `Run "${runId}" in ${this.path} is being written by ${message}`, {
          details: { ...known.writer },
        })
      if (state === "alive") throw refuse(`${who}. Wait for it, stop it, or use another run id.`)
      if (state === "this") throw refuse("this very process. End that run first.")
      if (state === "elsewhere" && !takeOver) {
        throw refuse(
          `${who} on ${known.writer.host}, which cannot be seen from here. If it is gone, take the run over.`,
        )
      }
    }
    this.#database
      .prepare("UPDATE runs SET status = 'running', endedAtMs = NULL, writer = ? WHERE run = ?")
      .run(writer, known.run)
    return { run: known.run, before: known }
  }

  #release(run: number, status: string | undefined): void {
    this.#open.delete(run)
    translating(this.path, () => {
      if (status === undefined) this.#database.prepare("UPDATE runs SET writer = NULL WHERE run = ?").run(run)
      else {
        this.#database
          .prepare("UPDATE runs SET status = ?, endedAtMs = ?, writer = NULL WHERE run = ?")
          .run(status, this.#store.wallNow(), run)
      }
    })
  }

  #putBack(run: number): void {
    const before = this.#open.get(run)
    this.#open.delete(run)
    translating(this.path, () => {
      if (before) {
        this.#database
          .prepare("UPDATE runs SET status = ?, endedAtMs = ?, writer = NULL WHERE run = ?")
          .run(before.status, before.endedAtMs, run)
      } else if (this.#database.prepare("SELECT 1 FROM places WHERE run = ?").get(run)) {
        this.#database.prepare("UPDATE runs SET writer = NULL WHERE run = ?").run(run)
      } else {
        this.#database.prepare("DELETE FROM notes WHERE run = ?").run(run)
        this.#database.prepare("DELETE FROM runs WHERE run = ?").run(run)
      }
    })
  }

  /** All runs, the latest first. */
  runs(): RunSummary[] {
    return listRuns(this.#database, this.path)
  }

  /**
   * The settled items of a run, read a page at a time. In a damaged file everything before and after the damage is
   * yielded; then `journal-unreadable` is thrown.
   */
  items(runId: string, query: ItemQuery = {}): Generator<JournalItem, void, undefined> {
    checkOptions("items", query, queryChecks)
    return readItems(this.#database, this.path, runId, query)
  }

  /** What a run keeps under `name` beside its items; `undefined` where there is nothing. */
  note(runId: string, name: string): unknown {
    const row = translating(this.path, () =>
      this.#database
        .prepare("SELECT value FROM notes JOIN runs USING (run) WHERE runId = ? AND name = ?")
        .get(runId, name),
    )
    return row && parseStored(row["value"], this.path, `note "${name}"`)
  }

  /** Looks at a run's items a page at a time, also while it is written. */
  look(runId: string): RunView {
    return new RunView(this.#database, this.path, runId)
  }

  /** Stores what waits, releases the runs that are still open (they can be resumed) and closes the file. */
  async close(): Promise<void> {
    if (!this.#database.isOpen) return
    try {
      this.#commits.flush()
      for (const run of this.#open.keys()) this.#release(run, undefined)
      if (!this.#isReadOnly) intoOneFile(this.#database)
      this.#database.close()
    } catch (error) {
      if (this.#database.isOpen) this.#database.close()
      throw journalError(error, this.path)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
