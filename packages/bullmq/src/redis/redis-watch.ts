import type { Clock } from "@sluice/core"
import { Queue, type Worker } from "bullmq"

const lookEveryMs = 1_000
/** So many looks in a row that find no answer. They are counted, not timed: a process that stood still itself lets the answer in first. */
const mostSilent = 3

export interface RedisNews {
  /** Redis has not answered since a time that is told in words, with what is in the way of a connection. */
  lost(since: string): void
  back(afterMs: number): void
}

/** Whether Redis answers: whoever waits for it can leave when it does not. */
export class RedisWatch {
  readonly #queue: Queue | Worker
  readonly #clock: Clock
  readonly #news: RedisNews
  readonly #waiting = new Set<() => void>()
  #answeredMs: number
  #answeredAt: number
  #isAsking = false
  #silent = 0
  #since: string | undefined
  #trouble: string | undefined
  #isStopped = false
  #cancel: () => void

  constructor(queue: Queue | Worker, clock: Clock, news: RedisNews) {
    this.#queue = queue
    this.#clock = clock
    this.#news = news
    const hear = ({ message }: Error): void => void (this.#trouble = message)
    if (queue instanceof Queue) queue.on("error", hear)
    else queue.on("error", hear)
    this.#answeredMs = clock.now()
    this.#answeredAt = clock.wallNow()
    this.#cancel = clock.setTimer(lookEveryMs, () => this.#look())
  }

  /** Since when it does not answer, or nothing where it does. */
  get since(): string | undefined {
    return this.#since
  }

  /** What comes of `promise`; nothing, once Redis does not answer. */
  async unlessLost<T>(promise: Promise<T>): Promise<T | undefined> {
    const { promise: lost, resolve } = Promise.withResolvers<undefined>()
    const leave = (): void => resolve(undefined)
    if (this.#since === undefined) this.#waiting.add(leave)
    else leave()
    try {
      return await Promise.race([promise, lost])
    } finally {
      this.#waiting.delete(leave)
    }
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }

  #look(): void {
    this.#cancel = this.#clock.setTimer(lookEveryMs, () => this.#look())
    if (++this.#silent > mostSilent && this.#since === undefined) {
      const why = this.#trouble ? ` (${this.#trouble.slice(0, 200)})` : ""
      this.#since = `${new Date(this.#answeredAt).toISOString().slice(11, 19)} UTC${why}`
      this.#news.lost(this.#since)
      for (const leave of this.#waiting) leave()
    }
    if (this.#isAsking) return
    this.#isAsking = true
    this.#ask().then(
      () => this.#answered(),
      () => (this.#isAsking = false),
    )
  }

  async #ask(): Promise<void> {
    const client = await this.#queue.getBackend().client
    await client.get(this.#queue.toKey("watched"))
  }

  #answered(): void {
    this.#isAsking = false
    if (this.#isStopped) return
    this.#silent = 0
    this.#trouble = undefined
    const nowMs = this.#clock.now()
    if (this.#since !== undefined) {
      this.#since = undefined
      this.#news.back(nowMs - this.#answeredMs)
    }
    this.#answeredMs = nowMs
    this.#answeredAt = this.#clock.wallNow()
  }
}
