import type { Job, Queue } from "bullmq"
import { print } from "./redis/queue-name.ts"
import { isOfWorker, type JobData, type WireOutcome } from "./wire-outcome.ts"

const readAtOnce = 100

/** What a coordinator before this one has left of a batch: its jobs, queued, running or done. */
export class EarlierJobs {
  /** Ids of jobs that have not ended. */
  readonly open: Set<string> = new Set<string>()
  readonly #all = new Set<string>()
  readonly #jobs = new Map<string, string>()
  readonly #ended = new Map<string, ReadonlyMap<number, WireOutcome>>()

  static async of(queue: Queue, batch: string, runId: string): Promise<EarlierJobs> {
    const earlier = new EarlierJobs()
    const states = ["completed", "failed", "active", "wait", "prioritized", "delayed"] as const
    const ids = (await queue.getRanges([...states], 0, -1)).filter((id) => id.startsWith(`${batch}-`))
    for (let at = 0; at < ids.length; at += readAtOnce) {
      const jobs = await Promise.all(ids.slice(at, at + readAtOnce).map((id) => queue.getJob(id)))
      for (const job of jobs) if (job?.id !== undefined && (job.data as JobData).runId === runId) earlier.#add(job)
    }
    return earlier
  }

  /** The job that has the item, as it is now: a source that has changed since never gets a foreign result. */
  jobOf(index: number, print: string): string | undefined {
    return this.#jobs.size === 0 ? undefined : this.#jobs.get(`${index} ${print}`)
  }

  /** What the job ended with, if it has. */
  outcomesOf(id: string): ReadonlyMap<number, WireOutcome> | undefined {
    return this.#ended.get(id)
  }

  has(id: string): boolean {
    return this.#all.has(id)
  }

  ended(id: string, outcomes: ReadonlyMap<number, WireOutcome>): void {
    this.open.delete(id)
    this.#ended.set(id, outcomes)
  }

  /** To remove, once the batch has all of its outcomes. */
  get ids(): Iterable<string> {
    return this.#all
  }

  #add(job: Job): void {
    const id = job.id!
    const data = job.data as JobData
    this.#all.add(id)
    // What a worker could not do is tried again; what killed workers is told apart item by item.
    if (job.failedReason && !job.failedReason.includes("stalled")) return
    if (job.finishedOn === undefined || job.failedReason) {
      for (const [index, item] of data.items) this.#jobs.set(`${index} ${print(item)}`, id)
      this.open.add(id)
      return
    }
    const outcomes = job.returnvalue as readonly WireOutcome[]
    for (const outcome of outcomes) if (!isOfWorker(outcome)) this.#jobs.set(`${outcome.index} ${outcome.print}`, id)
    this.#ended.set(id, new Map(outcomes.map((outcome) => [outcome.index, outcome])))
  }
}
