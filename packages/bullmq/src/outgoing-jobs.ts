import type { Clock } from "@sluice/core"
import type { Queue } from "bullmq"
import type { RedisWatch } from "./redis/redis-watch.ts"
import { ageKeys, queueKeys } from "./redis/scripts.ts"
import type { JobData } from "./wire-outcome.ts"

const mostAtOnce = 500
/** What nobody fetches is kept for a day. */
const keptSeconds = 86_400
const ageEveryMs = 3_600_000

export interface OutgoingJob {
  readonly id: string
  readonly data: JobData
}

export interface Outgoing {
  /** The job is still to be sent. */
  isWanted(id: string): boolean
  added(id: string): void
  failed(id: string, error: unknown): void
}

/**
 * Jobs on their way to Redis. What it refuses for now is sent again until it takes it: a job has its own name, so one that is there already stays
 * what it is.
 */
export class OutgoingJobs {
  readonly #queue: Queue
  readonly #clock: Clock
  readonly #redis: RedisWatch
  readonly #owner: Outgoing
  readonly #jobs: OutgoingJob[] = []
  #isSending = false
  #agedMs = -Infinity

  constructor(queue: Queue, clock: Clock, redis: RedisWatch, owner: Outgoing) {
    this.#queue = queue
    this.#clock = clock
    this.#redis = redis
    this.#owner = owner
  }

  send(job: OutgoingJob): void {
    this.#jobs.push(job)
    if (!this.#isSending) void this.#send()
  }

  async #send(): Promise<void> {
    this.#isSending = true
    // Whatever is sent in this moment goes together.
    await Promise.resolve()
    while (this.#jobs.length > 0) {
      const some = this.#jobs.splice(0, mostAtOnce)
      try {
        await this.#redis.taken(() => this.#add(some.filter(({ id }) => this.#owner.isWanted(id))))
        for (const { id } of some) this.#owner.added(id)
      } catch (error) {
        for (const { id } of some) this.#owner.failed(id, error)
      }
    }
    this.#isSending = false
  }

  async #add(jobs: readonly OutgoingJob[]): Promise<void> {
    const kept = { age: keptSeconds }
    await this.#queue.addBulk(
      jobs.map(({ id, data }) => ({
        name: data.path,
        data,
        opts: { jobId: id, attempts: 1, removeOnComplete: kept, removeOnFail: kept },
      })),
    )
    // Nothing of a run stays for ever, whoever dies.
    const nowMs = this.#clock.now()
    const isDue = nowMs - this.#agedMs >= ageEveryMs
    await ageKeys(this.#queue, [...jobs.map(({ id }) => id), ...(isDue ? queueKeys : [])])
    if (isDue) this.#agedMs = nowMs
  }
}
