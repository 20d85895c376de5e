import type { Clock } from "@sluice/core"
import { Queue, type Worker } from "bullmq"
import { isPassing, refusalOf } from "./refusal.ts"

const lookEveryMs = 1_000
/** So many looks in a row that find no answer. They are counted, not timed: a process that stood still itself lets the answer in first. */
const mostSilent = 3
/** What a look writes is gone soon after the last one. */
const keptMs = 10_000

export interface RedisNews {
  /** Redis has not answered, or has taken nothing: since when, with its words or what is in the way of a connection. A refusal is told at once. */
  lost(how: string): void
  /** So it was for several looks: nobody waits for it any more. */
  gone?(how: string): void
  back(afterMs: number): void
}

/** Whether Redis takes what is sent: that is tried again when it does, and whoever waits for it can leave when it does not. */
export class RedisWatch {
  readonly #queue: Queue | Worker
  readonly #clock: Clock
  readonly #news: RedisNews
  readonly #waiting = new Set<() => void>()
  /** What was refused, to be asked again. */
  #again: (() => void)[] = []
  #answeredMs = 0
  #answeredAt = 0
  #isAsking = false
  #silent = 0
  #how: string | undefined
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
    this.#heard()
    this.#cancel = clock.setTimer(lookEveryMs, () => this.#look())
  }

  get isLost(): boolean {
    return this.#how !== undefined
  }

  /** How Redis is gone, where nobody waits for it any more. */
  get gone(): string | undefined {
    return this.#silent > mostSilent ? this.#how : undefined
  }

  /** What comes of `promise`; nothing, once Redis is gone. */
  async unlessGone<T>(promise: Promise<T>): Promise<T | undefined> {
    const { promise: gone, resolve } = Promise.withResolvers<undefined>()
    const leave = (): void => resolve(undefined)
    if (this.gone === undefined) this.#waiting.add(leave)
    else leave()
    try {
      return await Promise.race([promise, gone])
    } finally {
      this.#waiting.delete(leave)
    }
  }

  /** What comes of `ask`, which is asked again each time that Redis is found to take things after it did not; what is not Redis's fault is thrown. */
  async taken<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask()
      } catch (error) {
        if (!isPassing(error as Error)) throw error
        this.#refused(error as Error)
        if (!this.#isStopped) await new Promise<void>((resolve) => this.#again.push(resolve))
        if (this.#isStopped) throw error
      }
    }
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
    this.#askAgain()
  }

  #look(): void {
    this.#cancel = this.#clock.setTimer(lookEveryMs, () => this.#look())
    if (++this.#silent === mostSilent + 1) {
      this.#lost("has not answered", this.#trouble?.slice(0, 200))
      for (const leave of this.#waiting) leave()
      this.#news.gone?.(this.#how!)
    }
    if (this.#isAsking) return
    this.#isAsking = true
    this.#ask().then(
      () => this.#answered(),
      (error: Error) => {
        this.#isAsking = false
        this.#refused(error)
      },
    )
  }

  /** A server that only reads would answer a question. */
  async #ask(): Promise<void> {
    const client = await this.#queue.getBackend().client
    await client.set(this.#queue.toKey("watched"), 1, { PX: keptMs })
  }

  #refused(error: Error): void {
    const said = refusalOf(error)
    if (said === undefined || this.#how !== undefined) return
    this.#heard()
    this.#lost("has taken nothing", said)
  }

  #lost(what: string, why: string | undefined): void {
    if (this.#how !== undefined || this.#isStopped) return
    const since = new Date(this.#answeredAt).toISOString().slice(11, 19)
    this.#how = `${what} since ${since} UTC${why === undefined ? "" : ` (${why.replace(/\.$/, "")})`}`
    this.#news.lost(this.#how)
  }

  #answered(): void {
    this.#isAsking = false
    if (this.#isStopped) return
    this.#silent = 0
    this.#trouble = undefined
    // Where memory is short it may take this and refuse that: it is back when it has taken all.
    if (this.#again.length > 0) return this.#askAgain()
    const sinceMs = this.#answeredMs
    this.#heard()
    if (this.#how === undefined) return
    this.#how = undefined
    this.#news.back(this.#answeredMs - sinceMs)
  }

  #heard(): void {
    this.#answeredMs = this.#clock.now()
    this.#answeredAt = this.#clock.wallNow()
  }

  #askAgain(): void {
    for (const ask of this.#again.splice(0)) ask()
  }
}
