import type { Permit } from "@sluice/core"
import type { Job, Worker } from "bullmq"
import { runScript } from "./redis/scripts.ts"
import type { JobData, WireOutcome } from "./wire-outcome.ts"

/** As long as a job is kept that nobody fetches. */
const keptMs = 86_400_000

interface Ended {
  readonly outcome: WireOutcome
  readonly permit: Permit
}

/**
 * What has ended of a job while others of its items go on is sent to Redis before this process does anything else, so that who takes over
 * repeats none of it: what is with the system by then survives the process, as a journal of its own would. A place is free when Redis has its
 * outcome: what a worker that dies was at, and what it had not told of, is never more than it has places.
 */
export class KeptOutcomes {
  /** Of this worker and those before it, by index. */
  readonly done: Map<number, WireOutcome>
  readonly #worker: Worker
  readonly #key: string
  readonly #items: number
  /** All that can be done here was done then; whether the end of the job was told shows later. */
  overMs: number | undefined
  #untold: Ended[] = []
  #hasKept: boolean
  #isClosed = false

  static async of(worker: Worker, job: Job<JobData>): Promise<KeptOutcomes> {
    const key = `part:${job.id!}`
    // Else nobody was at it before.
    const before = job.attemptsStarted > 1 ? ((await runScript(worker, "sluiceKept", key)) as string[]) : []
    return new KeptOutcomes(worker, key, job.data.items.length, before)
  }

  constructor(worker: Worker, key: string, items: number, before: readonly string[]) {
    this.#worker = worker
    this.#key = key
    this.#items = items
    this.#hasKept = before.length > 0
    this.done = new Map(before.map((text) => JSON.parse(text) as WireOutcome).map((each) => [each.index, each]))
  }

  /** An item has ended; its place is given back when that is told. */
  ended(outcome: WireOutcome, permit: Permit): void {
    this.done.set(outcome.index, outcome)
    const isFirst = this.#untold.push({ outcome, permit }) === 1
    if (this.#isClosed) giveBack(this.#untold.splice(0))
    // After the promises of this moment: whatever else ends in it goes along, and no other answer is read before.
    else if (isFirst) process.nextTick(() => void this.#tell())
  }

  /** The whole job is told of, or will never be. */
  close(): void {
    this.#isClosed = true
    giveBack(this.#untold.splice(0))
    if (this.#hasKept) this.#forget().catch(() => {})
  }

  async #tell(): Promise<void> {
    // The last ones are told with the job.
    if (this.#isClosed || this.done.size === this.#items) return
    this.#hasKept = true
    const some = this.#untold
    this.#untold = []
    const fields = some.flatMap(({ outcome }) => [outcome.index, JSON.stringify(outcome)])
    // Where it cannot be kept, the job's end tells of it.
    await runScript(this.#worker, "sluiceKeep", this.#key, keptMs, ...fields).catch(() => {})
    giveBack(some)
  }

  /** On the connection that what is kept was sent on, so after it. */
  async #forget(): Promise<void> {
    const client = await this.#worker.getBackend().client
    await client.del(this.#worker.toKey(this.#key))
  }
}

function giveBack(ended: readonly Ended[]): void {
  for (const { permit } of ended) permit.settle({ outcome: "success" })
}
