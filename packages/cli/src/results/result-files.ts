import { rmSync } from "node:fs"
import type { Clock } from "@sluice/core"
import type { SqliteRunJournal } from "@sluice/journal"
import { z } from "zod"
import { FileTarget, type LineTarget, StreamTarget } from "../input/line-target.ts"
import { pickFields, type StoredAnswer } from "./result-fields.ts"

/** Where the items of a `sluice run` are in its journal. */
export const batch = { node: "run", visit: 0, params: {} } as const

const position = z.object({ next: z.number().int(), outBytes: z.number(), failedBytes: z.number(), fields: z.string() })

export interface ResultFilesOptions {
  /** `"-"` is `stdout`. */
  readonly out: string
  readonly failed: string
  readonly fields: readonly string[]
  readonly order: "input" | "completion"
  readonly stdout: NodeJS.WritableStream
  readonly run: SqliteRunJournal
  readonly clock: Clock
  /** The files cannot be written any more: told once, and thrown by `close`. */
  readonly onFailure: (error: unknown) => void
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
 */
export class ResultFiles {
  readonly #options: ResultFilesOptions
  readonly #out: LineTarget
  readonly #failed: LineTarget
  /** The number of each settled item's record by index, 0 where there is none: four bytes an item, so that files can be begun anew. */
  #records = new Uint32Array(1_024)
  /** In the order of completion: settled and not yet written. */
  #waiting: number[] = []
  /** In input order: all items before this one are written. */
  #next = 0
  #recordAt = 0
  #begunAnew = false
  #isClosed = false
  #cancelTimer: (() => void) | undefined
  #failure: { readonly error: unknown } | undefined

  constructor(options: ResultFilesOptions) {
    const { out, failed, run, fields, order, stdout } = options
    this.#options = options
    this.#out = out === "-" ? new StreamTarget(stdout) : new FileTarget(out)
    this.#failed = new FileTarget(failed)
    const stored = position.safeParse(run.note("results"))
    const usable = stored.success && stored.data.fields === fields.join() && order === "input" && out !== "-"
    if (usable && this.#out.size >= stored.data.outBytes && this.#failed.size >= stored.data.failedBytes) {
      this.#next = stored.data.next
      this.#out.cut(stored.data.outBytes)
      this.#failed.cut(stored.data.failedBytes)
    } else {
      this.restart()
    }
  }

  /** How many items from the first one on are in the files already. */
  get written(): number {
    return this.#next
  }

  /** Begins the files anew: an item that is in them will have another result. */
  restart(): void {
    this.#next = 0
    this.#begunAnew = true
    this.#out.cut(0)
    this.#failed.cut(0)
  }

  /** The journal holds the result of the item at `index` in `record`; its line follows. */
  settled(index: number, record: number): void {
    if (index >= this.#records.length) {
      const larger = new Uint32Array(2 * index)
      larger.set(this.#records)
      this.#records = larger
    }
    this.#records[index] = record
    if (this.#options.order === "completion") this.#waiting.push(index)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isClosed || this.#failure) return
    this.#cancelTimer ??= this.#options.clock.setTimer(writeWithinMs, () => void this.#tick())
  }

  async #tick(): Promise<void> {
    const { clock, onFailure } = this.#options
    try {
      await this.#recordBeginning()
      this.#project()
      if (clock.now() < this.#recordAt) return
      this.#recordAt = clock.now() + recordEveryMs
      await this.#record()
    } catch (error) {
      this.#failure = { error }
      onFailure(error)
    } finally {
      // One tick at a time; what was settled meanwhile has its own.
      this.#cancelTimer = undefined
      if (this.#waiting.length > 0 || this.#records[this.#next]) this.#schedule()
    }
  }

  /** A position on record from before would cut files that were begun anew in the middle of a line. */
  async #recordBeginning(): Promise<void> {
    if (!this.#begunAnew) return
    this.#begunAnew = false
    await this.#record()
  }

  #project(): void {
    if (this.#options.order === "completion") {
      for (const index of this.#waiting.splice(0)) this.#write(index)
    } else {
      for (; this.#records[this.#next]; this.#next++) {
        this.#write(this.#next)
        if (this.#next % page === 0) this.#put()
      }
    }
    this.#put()
  }

  /** Writes the rest, puts the position on record and closes the files. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelTimer?.()
    if (this.#failure) throw this.#failure.error
    await this.#recordBeginning()
    this.#project()
    await this.#record()
    this.#out.close()
    this.#failed.close()
    // No failures, no file of failures.
    if (this.#failed.size === 0) rmSync(this.#options.failed, { force: true })
  }

  #write(index: number): void {
    const item = this.#options.run.read(this.#records[index] ?? 0)
    if (item.status === "ok") {
      const line = pickFields(this.#options.fields, index, item, item.value as StoredAnswer)
      this.#out.line(JSON.stringify(line))
    } else {
      const { key, attempts, error } = item
      // Input and half an answer stand beside the error, not in it.
      const { kept, ...rest } = error
      this.#failed.line(
        JSON.stringify({
          index,
          ...(key !== undefined && { key }),
          attempts,
          ...(kept as object | undefined),
          error: rest,
        }),
      )
    }
  }

  #put(): void {
    this.#out.put()
    this.#failed.put()
  }

  async #record(): Promise<void> {
    this.#out.sync()
    this.#failed.sync()
    const { run, fields } = this.#options
    await run.putNote("results", {
      next: this.#next,
      outBytes: this.#out.size,
      failedBytes: this.#failed.size,
      fields: fields.join(),
    })
  }
}
