import type { Permit } from "@sluice/core"
import type { Job, Queue, Worker } from "bullmq"
import type { RedisWatch } from "./redis/redis-watch.ts"
import { runScript, runScriptOn } from "./redis/scripts.ts"
import { isOfWorker, type JobData, type WireOutcome } from "./wire-outcome.ts"

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
  readonly #redis: Pick<RedisWatch, "taken">
  readonly #job: string
  readonly #items: number
  /** All that can be done here was done then; whether the end of the job was told shows later. */
  overMs: number | undefined
  #untold: Ended[] = []
  #hasKept: boolean
  #isClosed = false
  #isLost = false

  static async of(worker: Worker, redis: RedisWatch, job: Job<JobData>): Promise<KeptOutcomes> {
    // Else nobody was at it before.
    const before = job.attemptsStarted > 1 ? await redis.taken(() => keptOf(worker, job.id!)) : []
    return new KeptOutcomes(worker, redis, job.id!, job.data.items.length, before)
  }

  constructor(
    worker: Worker,
    redis: Pick<RedisWatch, "taken">,
    job: string,
    items: number,
    before: readonly WireOutcome[],
  ) {
    this.#worker = worker
    this.#redis = redis
    this.#job = job
    this.#items = items
    this.#hasKept = before.length > 0
    this.done = new Map(before.map((each) => [each.index, each]))
  }

  /** An item has ended; its place is given back when that is told. */
  ended(outcome: WireOutcome, permit: Permit): void {
    this.done.set(outcome.index, outcome)
    const isFirst = this.#untold.push({ outcome, permit }) === 1
    if (this.#isClosed) giveBack(this.#untold.splice(0))
    // After the promises of this moment: whatever else ends in it goes along, and no other answer is read before.
    else if (isFirst) process.nextTick(() => void this.#tell())
  }

  /** What has not begun of the job is not this worker's to do. */
  get isLost(): boolean {
    return this.#isLost
  }

  /**
   * The job is not this worker's any more: Redis has lost it, and with it what was kept, or another worker has it. Redis gets all that is done, which is
   * looked for before the rest is done again; what ends later is told by itself.
   */
  lost(): void {
    if (this.#isLost) return
    this.#isLost = true
    const untold = this.#untold.splice(0)
    void this.#keep([...this.done.values()]).finally(() => giveBack(untold))
  }

  /** The whole job is told of, or will never be. */
  close(): void {
    this.#isClosed = true
    giveBack(this.#untold.splice(0))
    if (this.#hasKept) this.#forget().catch(() => {})
  }

  async #tell(): Promise<void> {
    // The last ones are told with the job.
    if (this.#isClosed || (this.done.size === this.#items && !this.#isLost)) return
    this.#hasKept = true
    const some = this.#untold
    this.#untold = []
    const isThere = await this.#keep(some.map(({ outcome }) => outcome))
    if (!isThere) this.lost()
    giveBack(some)
  }

  /** Whether Redis has the job. Where it cannot be asked, the job's end tells of the outcomes. */
  async #keep(outcomes: readonly WireOutcome[]): Promise<boolean> {
    if (outcomes.length === 0) return true
    const keys = [partOf(this.#job), this.#job].map((key) => this.#worker.toKey(key))
    const fields = outcomes.flatMap((outcome) => [outcome.index, JSON.stringify(outcome)])
    const keep = (): Promise<unknown> => runScriptOn(this.#worker, "sluiceKeep", keys, keptMs, ...fields)
    return this.#redis.taken(keep).then(
      (isThere) => isThere !== 0,
      () => true,
    )
  }

  /** On the connection that what is kept was sent on, so after it. */
  async #forget(): Promise<void> {
    const client = await this.#worker.getBackend().client
    await client.del(this.#worker.toKey(partOf(this.#job)))
  }
}

function partOf(job: string): string {
  return `part:${job}`
}

/** What had ended of a job when its worker was lost, or Redis had lost the job. */
export async function keptOf(queue: Queue | Worker, job: string): Promise<readonly WireOutcome[]> {
  const texts = (await runScript(queue, "sluiceKept", partOf(job))) as string[]
  return texts.map((text) => JSON.parse(text) as WireOutcome).filter((outcome) => !isOfWorker(outcome))
}

function giveBack(ended: readonly Ended[]): void {
  for (const { permit } of ended) permit.settle({ outcome: "success" })
}
