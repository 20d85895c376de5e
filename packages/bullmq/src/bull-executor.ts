import type { EventSink, Executor, ItemPlace, Node } from "@sluice/core"
import { tellWarning } from "@sluice/core/internal"
import { parallelExecutor, systemClock, systemRandom } from "@sluice/scheduler"
import { type ConnectionOptions, Queue, QueueEvents } from "bullmq"
import { Jobs } from "./jobs.ts"
import { JobGroups } from "./job-groups.ts"
import { batchName, prefix, queueName } from "./queue-name.ts"
import { type BullBatch, type BullBatchOptions, RemoteBatch } from "./remote-batch.ts"
import { remoteWork } from "./remote-work.ts"
import { RunLocks } from "./run-locks.ts"
import { otherVersions, tellEveryMs } from "./versions.ts"

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
  /** Takes back what no worker has begun: those items fail with `reason`. What workers are at is waited for. */
  withdraw(reason: unknown): Promise<void>
  close(): Promise<void>
}

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
  const { connection, chunk = "auto", window = 4_096, onEvent } = options
  const clock = systemClock
  const name = queueName(root)
  const queue = new Queue(name, { connection, prefix })
  const events = new QueueEvents(name, { connection, prefix })
  // Connections come back by themselves; what was lost meanwhile is looked for.
  queue.on("error", () => {})
  events.on("error", () => {})
  const jobs = new Jobs(queue, events, clock)
  const locks = new RunLocks(queue, clock)
  const local = parallelExecutor(clock, systemRandom)

  const batches = new Set<RemoteBatch>()
  /** As long as a batch is open: says that it is, and once that nobody takes its jobs. */
  const watch = (): (() => void) => {
    let cancel = (): void => {}
    let isOver = false
    let isTold = false
    const look = async (): Promise<void> => {
      const others = await otherVersions(queue, root.name, "coordinators").catch(() => [])
      if (!isTold && (await queue.getWorkersCount().catch(() => 1)) === 0 && jobs.isWaiting) {
        isTold = true
        const there = others.length > 0 ? ` There are workers of other versions: ${others.join(", ")}.` : ""
        const message = `No worker takes jobs of ${name}. Start one with the same version of "${root.name}": another version has another name.${there}`
        tellWarning(onEvent, clock.now(), "no-worker", message)
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

  const open = async (place: ItemPlace, { also }: BullBatchOptions = {}): Promise<RemoteBatch> => {
    const lost = await locks.hold(place.runId)
    const { path, visit, runId, params } = place
    const batch = await jobs.begin(batchName(place), { path, visit, runId, params, ...(also && { also }) })
    const stopWatching = watch()
    const opened = new RemoteBatch(batch, new JobGroups(batch, jobs, clock, chunk), jobs, lost, () => {
      stopWatching()
      batches.delete(opened)
    })
    batches.add(opened)
    return opened
  }

  return {
    async *map(source, work, mapOptions) {
      const { place } = work
      if (!place) return yield* local.map(source, work, mapOptions)
      const { concurrency } = mapOptions
      const batch = await open(place)
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
      for (const batch of batches) batch.withdraw(reason)
      await jobs.withdraw(reason)
    },
    async close() {
      jobs.close()
      await locks.close()
      await events.close()
      await queue.close()
    },
  }
}
