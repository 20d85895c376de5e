import { existsSync, rmSync } from "node:fs"
import { type Clock, SluiceError } from "@sluice/core"
import type { SqliteRunJournal } from "@sluice/journal"
import type { Terminal } from "../display/terminal.ts"
import { FileTarget, type LineTarget, StreamTarget } from "./line-target.ts"
import { SettledRecords } from "./settled-records.ts"
import { isOk, type LineForm } from "./result-line.ts"
import {
  besideOf,
  checkBeside,
  positionOf,
  putPosition,
  realPlace,
  type ResultPlaces,
  type ResultPosition,
} from "./result-places.ts"

/** Where the items of a `sluice run` are in its journal. */
export const batch = { node: "run", visit: 0, params: {} } as const

export interface ResultFilesOptions extends ResultPlaces {
  readonly lines: LineForm
  /** How many answers each input has. */
  readonly answers: number
  readonly order: "input" | "completion"
  readonly stdout: Terminal["stdout"]
  readonly run: SqliteRunJournal
  readonly clock: Clock
  /** Nothing can be written any more: told once, and thrown by `close`. */
  readonly onFailure: (error: unknown) => void
  /** Whoever read standard output has gone (`| head`): told once. */
  readonly onUnread: () => void
}

const page = 256
/** So soon after it was settled is an item in the file. */
const writeWithinMs = 100
/** How often the position is put on record; what is written between is written again after a kill. */
const recordEveryMs = 2_000

/**
 * The result files: what the journal holds, a line per item. They are written from the journal alone, in input order up
 * to the first item that is not settled, so they hold nothing that could be lost, and memory holds no results.
 * After a kill the files are cut back to the last recorded position and go on from there: never a half line, none twice.
 * Files that have to be written anew are written beside those that are there, and take their place once they hold as much.
 */
export class ResultFiles {
  readonly #options: ResultFilesOptions
  readonly #places: ResultPlaces
  /** A file of failures that was there and empty is somebody else's: it stays. */
  readonly #mayRemove: boolean
  readonly #isNew: boolean
  #out: LineTarget
  #failed: LineTarget
  readonly #records: SettledRecords
  /** In the order of completion: settled and not yet written. */
  #waiting: number[] = []
  /** In input order: all items before this one are written. */
  #next = 0
  #lines = 0
  /** The files that are there hold so much; new ones are beside them. */
  #before: ResultPosition | undefined
  #isBeside = false
  /** Of the items that are in the files that are there: how many were seen, and the last one. */
  #earlier = { count: 0, last: -1 }
  #recordAt = 0
  #isNoted = false
  #isClosed = false
  #isUnread = false
  #cancelTimer: (() => void) | undefined
  #failure: { readonly error: unknown } | undefined

  /** Opens the files; `checkPlaces` has found them to be this run's. Throws when one cannot be written. */
  constructor(options: ResultFilesOptions) {
    const { out, failed, run, lines, order, stdout } = options
    this.#options = options
    this.#records = new SettledRecords(options.answers)
    this.#before = positionOf(run)
    this.#mayRemove = this.#before !== undefined || !existsSync(failed)
    this.#isNew = out !== "-" && !existsSync(out)
    this.#failed = new FileTarget(failed, { follow: false })
    try {
      this.#out = out === "-" ? new StreamTarget(stdout) : new FileTarget(out, { follow: true })
    } catch (error) {
      this.#failed.close()
      this.#removeIfEmpty()
      throw error
    }
    this.#places = { out: realPlace(out), failed: realPlace(failed) }
    if (out === "-") stdout.on("error", this.#streamFailed)
    const before = this.#before
    const usable = before && !before.rewriting && before.fields === lines.name && order === "input" && out !== "-"
    if (usable && this.#out.goesOn(before.outMark) && this.#failed.goesOn(before.failedMark)) {
      this.#next = before.next
      this.#lines = before.lines
      this.#isNoted = true
    } else if (this.#out.size + this.#failed.size > 0) {
      this.restart()
    }
  }

  /** How many items from the first one on are in the files already. */
  get written(): number {
    return this.#next
  }

  /** Begins the files anew: an item that is in them will have another result. */
  restart(): void {
    if (this.#isBeside) {
      this.#out.empty()
      this.#failed.empty()
    } else {
      this.#before = { ...this.#position(), ...this.#before, lines: Math.max(this.#lines, this.#before?.lines ?? 0) }
      this.#out = this.#beside(this.#out, this.#places.out)
      this.#failed = this.#beside(this.#failed, this.#places.failed)
      this.#isBeside = true
    }
    this.#next = 0
    this.#lines = 0
    this.#isNoted = false
  }

  #beside(target: LineTarget, path: string): LineTarget {
    if (target instanceof StreamTarget) return target
    checkBeside(besideOf(path), this.#before?.rewriting ?? false)
    const beside = new FileTarget(besideOf(path), { follow: false })
    beside.empty()
    target.close()
    return beside
  }

  /**
   * The journal holds an answer to the input at `index` in `record`, the one at `at` of several; its line follows the last of them.
   * `isEarlier`: it has one in the files that are there.
   */
  settled({ index, at }: { readonly index: number; readonly at: number }, record: number, isEarlier: boolean): void {
    const isRewritten = this.#records.add(index, at, record, isEarlier)
    if (isRewritten === undefined) return
    if (isRewritten) this.#earlier = { count: this.#earlier.count + 1, last: Math.max(this.#earlier.last, index) }
    if (this.#options.order === "completion") this.#waiting.push(index)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isClosed || this.#failure) return
    this.#cancelTimer ??= this.#options.clock.setTimer(writeWithinMs, () => void this.#tick())
  }

  async #tick(): Promise<void> {
    const { clock } = this.#options
    try {
      await this.#noteBeginning()
      this.#project()
      if (this.#isBeside && this.#holdsAsMuch()) await this.#takePlace()
      if (clock.now() < this.#recordAt) return
      this.#recordAt = clock.now() + recordEveryMs
      await this.#record()
    } catch (error) {
      this.#fail(error)
    } finally {
      // One tick at a time; what was settled meanwhile has its own.
      this.#cancelTimer = undefined
      if (this.#waiting.length > 0 || this.#records.isWhole(this.#next)) this.#schedule()
    }
  }

  #fail(error: unknown): void {
    if (this.#failure) return
    this.#failure = { error }
    this.#options.onFailure(error)
  }

  readonly #streamFailed = (error: NodeJS.ErrnoException): void => {
    if (this.#isUnread) return
    if (error.code === "EPIPE") {
      this.#isUnread = true
      this.#options.onUnread()
      return
    }
    const message = `Cannot write standard output: ${error.message}.`
    this.#fail(new SluiceError("journal-write", message, { cause: error }))
  }

  /** Before the first line: a position from before would cut new files in the middle of a line, and files are ours by it. */
  async #noteBeginning(): Promise<void> {
    if (this.#isNoted) return
    this.#isNoted = true
    const { run } = this.#options
    if (this.#isBeside && this.#before) await putPosition(run, { ...this.#before, rewriting: true })
    else await this.#record()
  }

  #project(): void {
    if (this.#options.order === "completion") {
      for (const index of this.#waiting.splice(0)) this.#write(index)
    } else {
      for (; this.#records.isWhole(this.#next); this.#next++) {
        this.#write(this.#next)
        if (this.#next % page === 0) this.#put()
      }
    }
    this.#put()
  }

  /** The new files have a line for every item that those have which are there. */
  #holdsAsMuch(): boolean {
    const { count, last } = this.#earlier
    if (count < (this.#before?.lines ?? 0)) return false
    return this.#options.order === "completion" || this.#next > last
  }

  async #takePlace(): Promise<void> {
    this.#out.sync()
    this.#failed.sync()
    this.#out.moveTo(this.#places.out)
    this.#failed.moveTo(this.#places.failed)
    this.#isBeside = false
    await this.#record()
  }

  /** Writes the rest, puts the position on record and closes the files. `whole`: nothing will come that is missing now; `isNothing`: nothing has come. */
  async close({ whole, isNothing }: { readonly whole: boolean; readonly isNothing: boolean }): Promise<void> {
    this.#isClosed = true
    this.#cancelTimer?.()
    try {
      if (!this.#failure) {
        await this.#noteBeginning()
        this.#project()
        if (this.#isBeside && (whole || this.#holdsAsMuch())) await this.#takePlace()
        await this.#record()
        await this.#flush()
      }
    } finally {
      this.#out.close()
      this.#failed.close()
      if (this.#isBeside || this.#before?.rewriting) this.#dropBeside()
      if (!this.#isBeside) this.#removeIfEmpty()
      if (isNothing && this.#isNew && this.#out.size === 0) rmSync(this.#places.out, { force: true })
      this.#options.stdout.off("error", this.#streamFailed)
    }
    if (this.#failure) throw this.#failure.error
  }

  /** What standard output has taken: an error comes later than the write. */
  #flush(): Promise<void> {
    const { out, stdout } = this.#options
    if (out !== "-") return Promise.resolve()
    return new Promise((resolve) => stdout.write("", () => resolve()))
  }

  /** Half of new files is worth less than whole old ones. */
  #dropBeside(): void {
    for (const path of [this.#places.out, this.#places.failed]) {
      if (path !== "-") rmSync(besideOf(path), { force: true })
    }
  }

  /** No failures, no file of failures. */
  #removeIfEmpty(): void {
    if (this.#failed.size === 0 && this.#mayRemove) rmSync(this.#options.failed, { force: true })
  }

  #write(index: number): void {
    const { lines, run } = this.#options
    const items = this.#records.of(index).map((record) => run.read(record))
    this.#lines++
    const ok = items.map((item) => (isOk(item) ? item : undefined))
    if (ok.some((item) => item)) this.#out.line(JSON.stringify(lines.result(ok, index)))
    for (const [at, item] of items.entries())
      if (!isOk(item)) this.#failed.line(JSON.stringify(lines.failure(item, index, at)))
  }

  #put(): void {
    this.#out.put()
    this.#failed.put()
  }

  /** Of files that are written beside there is nothing to tell: after a kill they are begun anew. */
  async #record(): Promise<void> {
    if (this.#isBeside) return
    this.#out.sync()
    this.#failed.sync()
    await putPosition(this.#options.run, this.#position())
  }

  #position(): ResultPosition {
    return {
      ...this.#places,
      next: this.#next,
      lines: this.#lines,
      outMark: this.#out.mark,
      failedMark: this.#failed.mark,
      fields: this.#options.lines.name,
      rewriting: false,
    }
  }
}
