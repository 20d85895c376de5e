import type { EventSink, Executor, ItemPlace, Node } from "@sluice/core"
import {
  anything,
  callable,
  checkMap,
  checkOptions,
  concurrency as countOrAuto,
  count,
  placeChecks,
  tellWarning,
} from "@sluice/core/internal"
import { onAbort, parallelExecutor, systemClock, systemRandom } from "@sluice/scheduler"
import { type ConnectionOptions, Queue, QueueEvents } from "bullmq"
import { Jobs } from "./jobs.ts"
import { JobGroups } from "./job-groups.ts"
import { connectionCheck, persistent } from "./redis/connection-check.ts"
import { batchName, prefix, queueName } from "./redis/queue-name.ts"
import { type BullBatch, type BullBatchOptions, RemoteBatch } from "./remote-batch.ts"
import { remoteWork } from "./remote-work.ts"
import { RedisWatch } from "./redis/redis-watch.ts"
import { RunLocks } from "./redis/run-locks.ts"
import { otherVersions, tellEveryMs } from "./redis/versions.ts"

export interface BullExecutorOptions {
  /** As BullMQ takes it: `{ host, port }`, `{ url }`, or a client. */
  readonly connection: ConnectionOptions
  /**
   * Items of one job, which run at once in one worker; 1 repeats the least when a worker dies, 100 is the fastest for tiny items. Default
   * `"auto"`: as many as take about a second, by the time that items take.
   */
  readonly chunk?: number | "auto"
  /** Items that are with workers at a time: what Redis holds of a batch. Default 4,096. */
  readonly window?: number
  /**
   * Hears (`warning`) that nobody takes the jobs (`no-worker`), that Redis does not answer or takes nothing (`store-lost`, `store-back`), and what
   * was left with workers because of it (`items-left`).
   */
  readonly onEvent?: EventSink
}

/** An executor that has connections of its own. */
export interface BullExecutor extends Executor {
  /**
   * A batch whose items are sent one by one, by who keeps order, retries and a record of its own. `place` names it, the same in every process
   * that goes on with it.
   *
   * @throws SluiceError `run-locked`
   */
  open(place: ItemPlace, options?: BullBatchOptions): Promise<BullBatch>
  /**
   * Takes back what no worker has begun: those items fail with `reason`. What workers are at is waited for, as long as Redis answers; else it is
   * left to them, and the same run finds what came of it.
   */
  withdraw(reason: unknown): Promise<void>
  /** Items that workers are at now, and those that wait for one. */
  snapshot(): { readonly begun: number; readonly waiting: number }
  /** Ends without an answer, where Redis has none. */
  close(): Promise<void>
}

/** BullMQ puts what a job returned into its event, too: with its own 10,000 a long run's answers would fill the memory. One that is lost is looked for. */
const keptEvents = 1_000

/**
 * An executor whose items are done by other processes: `app.run(shared, { executor, journal })`, and `bullWorker(app, …)` in each worker. Batches
 * travel; steps, `prep`, `post` and the walk itself stay here, as do order, failure policy, journal and events.
 *
 * Guarantees: one outcome per item, also when workers or this process die: the same command again finds what is queued, running or done. An
 * item that kills its workers ends as failed, with code `worker-lost`. Workers of another version of the flow never get its items.
 * Retries are the node's, in the worker. Items and results go through Redis as JSON, at most 256 KB each.
 *
 * @example
 * ```ts no-run
 * const { batch } = define<object>()
 * const app = batch({ name: "count", prep: () => ["one two"], exec: (text) => text.split(" ").length })
 * const executor = bullExecutor(app, { connection: { url: "redis://127.0.0.1:6379" } })
 * await app.run({}, { executor, runId: "monday" })
 * await executor.close()
 * ```
 */
export function bullExecutor(root: Node<never>, options: BullExecutorOptions): BullExecutor {
  checkOptions("bullExecutor", options, {
    connection: connectionCheck,
    chunk: countOrAuto,
    window: count(),
    onEvent: callable,
  })
  const { chunk = "auto", window = 4_096, onEvent } = options
  const connection = persistent(options.connection)
  const clock = systemClock
  const name = queueName(root)
  const queue = new Queue(name, { connection, prefix, streams: { events: { maxLen: keptEvents } } })
  const events = new QueueEvents(name, { connection, prefix })
  // Connections come back by themselves; what was lost meanwhile is looked for.
  queue.on("error", () => {})
  events.on("error", () => {})
  const warn = (code: string, message: string): void => tellWarning(onEvent, clock.now(), code, message)
  let backMs = -Infinity
  const redis = new RedisWatch(queue, clock, {
    lost(how) {
      const goesOn = jobs.isWaiting ? `${withWorkers(jobs.waiting())}, and waited for` : "It is waited for"
      if (!withdrawn) warn("store-lost", `Redis ${how}. ${goesOn}.`)
    },
    gone: (how) => leaveItems(how),
    back(afterMs) {
      backMs = clock.now()
      warn("store-back", `Redis answers again after ${Math.round(afterMs / 100) / 10} s.`)
    },
  })
  const jobs = new Jobs(queue, events, clock, redis)
  /** Jobs that a worker is at. */
  const begun = new Set<string>()
  events.on("active", ({ jobId }) => begun.add(jobId))
  const over = ({ jobId }: { readonly jobId: string }): void => void begun.delete(jobId)
  events.on("waiting", over).on("completed", over).on("failed", over)
  const locks = new RunLocks(queue, clock)
  const local = parallelExecutor(clock, systemRandom)

  const batches = new Set<RemoteBatch>()
  /** Why what no worker has begun was taken back, if it was. */
  let withdrawn: { readonly reason: unknown } | undefined
  /** What workers are at is not heard of any more. */
  const leaveItems = (how: string): void => {
    const count = withdrawn ? jobs.leave(withdrawn.reason) : 0
    if (count === 0) return
    const later = "The same run finds what came of them once it is back."
    warn("items-left", `Redis ${how}. ${withWorkers(count)}, and left to them. ${later}`)
  }
  /** That nobody takes the jobs, of whichever batch. */
  let isTold = false
  /** As long as a batch is open: says that it is, and once that nobody takes its jobs. */
  const watch = (): (() => void) => {
    let cancel = (): void => {}
    let isOver = false
    const look = async (): Promise<void> => {
      const others = await otherVersions(queue, root.name, "coordinators").catch(() => [])
      const isMissing = !isTold && (await queue.getWorkersCount().catch(() => 1)) === 0 && jobs.isWaiting && !isTold
      // Workers come back a little later than Redis.
      if (isMissing && !redis.isLost && clock.now() - backMs >= tellEveryMs) {
        isTold = true
        const there = others.length > 0 ? ` There are workers of other versions: ${others.join(", ")}.` : ""
        const message = `No worker takes jobs of ${name}. Start one with the same version of "${root.name}": another version has another name.${there}`
        warn("no-worker", message)
      }
      if (!isOver) cancel = clock.setTimer(tellEveryMs, () => void look())
    }
    cancel = clock.setTimer(tellEveryMs, () => void look())
    otherVersions(queue, root.name, "coordinators").catch(() => {})
    return () => {
      isOver = true
      cancel()
    }
  }

  const open = async (place: ItemPlace, opening: BullBatchOptions = {}): Promise<RemoteBatch> => {
    checkOptions("open", place, placeChecks)
    checkOptions("open", opening, { also: anything })
    const { also } = opening
    const lost = await redis.taken(() => locks.hold(place.runId))
    const { path, visit, runId, params } = place
    const batch = await redis.taken(() =>
      jobs.begin(batchName(place), { path, visit, runId, params, ...(also && { also }) }),
    )
    for (const id of await redis.taken(() => queue.getRanges(["active"], 0, -1))) begun.add(id)
    const stopWatching = watch()
    const opened = new RemoteBatch(batch, new JobGroups(batch, jobs, clock, chunk), jobs, lost, () => {
      stopWatching()
      batches.delete(opened)
      if (batches.size === 0) withdrawn = undefined
    })
    batches.add(opened)
    return opened
  }

  return {
    async *map(source, work, mapOptions) {
      checkMap(source, work, mapOptions)
      const { place } = work
      if (!place) return yield* local.map(source, work, mapOptions)
      const { concurrency } = mapOptions
      const batch = await letIn(open(place), mapOptions.signal)
      let isWhole = false
      try {
        yield* local.map(source, remoteWork(work, batch), {
          ...mapOptions,
          signal: mapOptions.signal ? AbortSignal.any([mapOptions.signal, batch.lost]) : batch.lost,
          concurrency: typeof concurrency === "number" ? concurrency : window,
          reorderWindow: mapOptions.reorderWindow ?? 2 * window,
        })
        isWhole = true
      } finally {
        await batch.end(isWhole)
      }
    },
    open,
    async withdraw(reason) {
      withdrawn = { reason }
      for (const batch of batches) batch.withdraw(reason)
      await jobs.withdraw(reason)
      if (redis.gone !== undefined) leaveItems(redis.gone)
    },
    snapshot() {
      const withWorkers = jobs.waiting(begun)
      return { begun: withWorkers, waiting: [...batches].reduce((sum, { size }) => sum + size, -withWorkers) }
    },
    async close() {
      jobs.close()
      const inOrder = async (): Promise<void> => {
        await locks.close()
        await events.close()
        // The events have answers in them. Who else listens looks for what it did not read.
        const client = await queue.getBackend().client
        await redis.taken(() => client.del(queue.toKey("events")))
        await queue.close()
      }
      await redis.unlessGone(inOrder())
      redis.stop()
      if (redis.gone === undefined) return
      // BullMQ would wait for answers.
      events.close().catch(() => {})
      await Promise.all([events, queue].map((each) => each.getBackend().close(true)))
    },
  }
}

function withWorkers(items: number): string {
  return items === 1 ? "1 item is with workers" : `${items} items are with workers`
}

/** The batch, unless the run is cancelled before Redis has let it in. */
async function letIn(opening: Promise<RemoteBatch>, signal: AbortSignal | undefined): Promise<RemoteBatch> {
  if (!signal) return opening
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const stay = onAbort(signal, () => reject(signal.reason))
  try {
    signal.throwIfAborted()
    return await Promise.race([opening, aborted])
  } catch (error) {
    opening.then(
      (batch) => batch.end(false),
      () => {},
    )
    throw error
  } finally {
    stay()
  }
}
