import type { Clock, Permit } from "@sluice/core"
import type { Job, Worker } from "bullmq"
import { runScript } from "./redis/scripts.ts"
import type { JobData, WireOutcome } from "./wire-outcome.ts"

/** What ends within so long is told together; a job whose items all end within it is told once, as a whole. */
const lingerMs = 10
/** As long as a job is kept that nobody fetches. */
const keptMs = 86_400_000

interface Ended {
  readonly outcome: WireOutcome
  readonly permit: Permit
}

/**
 * What has ended of a job while others of its items go on: in Redis at once, so that who takes over repeats none of it. A place is free when Redis
 * has its outcome: what a worker that dies was at, and what it had not told of, is never more than it has places.
 */
export class KeptOutcomes {
  /** Of this worker and those before it, by index. */
  readonly done: Map<number, WireOutcome>
  readonly #worker: Worker
  readonly #key: string
  readonly #items: number
  readonly #clock: Clock
  /** All that can be done here was done then; whether the end of the job was told shows later. */
  overMs: number | undefined
  #untold: Ended[] = []
  #telling: Promise<void> | undefined
  #hasKept: boolean
  #cancel: (() => void) | undefined
  #isClosed = false

  static async of(worker: Worker, job: Job<JobData>, clock: Clock): Promise<KeptOutcomes> {
    const key = `part:${job.id!}`
    // Else nobody was at it before.
    const before = job.attemptsStarted > 1 ? ((await runScript(worker, "sluiceKept", key)) as string[]) : []
    return new KeptOutcomes(worker, key, job.data.items.length, before, clock)
  }

  constructor(worker: Worker, key: string, items: number, before: readonly string[], clock: Clock) {
    this.#worker = worker
    this.#key = key
    this.#items = items
    this.#clock = clock
    this.#hasKept = before.length > 0
    this.done = new Map(before.map((text) => JSON.parse(text) as WireOutcome).map((each) => [each.index, each]))
  }

  /** An item has ended; its place is given back when that is told. */
  ended(outcome: WireOutcome, permit: Permit): void {
    this.done.set(outcome.index, outcome)
    this.#untold.push({ outcome, permit })
    if (this.#isClosed) giveBack(this.#untold.splice(0))
    else this.#tellSoon()
  }

  /** The whole job is told of, or will never be. */
  close(): void {
    this.#isClosed = true
    this.#cancel?.()
    giveBack(this.#untold)
    if (this.#hasKept) this.#forget().catch(() => {})
  }

  #tellSoon(): void {
    // The last ones are told with the job.
    if (this.done.size === this.#items) this.#cancel?.()
    else if (!this.#telling) {
      this.#cancel ??= this.#clock.setTimer(lingerMs, () => {
        this.#telling = this.#tell()
      })
    }
  }

  async #tell(): Promise<void> {
    this.#cancel = undefined
    this.#hasKept = true
    const some = this.#untold
    this.#untold = []
    const fields = some.flatMap(({ outcome }) => [outcome.index, JSON.stringify(outcome)])
    // Where it cannot be kept, the job's end tells of it.
    await runScript(this.#worker, "sluiceKeep", this.#key, keptMs, ...fields).catch(() => {})
    giveBack(some)
    this.#telling = undefined
    if (this.#untold.length > 0 && !this.#isClosed) this.#tellSoon()
  }

  async #forget(): Promise<void> {
    await this.#telling
    const client = await this.#worker.getBackend().client
    await client.del(this.#worker.toKey(this.#key))
  }
}

function giveBack(ended: readonly Ended[]): void {
  for (const { permit } of ended) permit.settle({ outcome: "success" })
}
