// Declared for who compiles against this: no `lib` of a target has it yet.
/// <reference lib="esnext.disposable" preserve="true" />
import { type EventSink, type ItemPlace, type Node, runInScope, runPlace } from "@sluice/core"
import { callable, checkOptions, count, tellWarning } from "@sluice/core/internal"
import { KeptOutcomes } from "./kept-outcomes.ts"
import { mapAll, type Semaphore, semaphore, systemClock, systemRuntime } from "@sluice/scheduler"
import { type ConnectionOptions, type Job, WaitingError, Worker } from "bullmq"
import { connectionCheck, persistent } from "./redis/connection-check.ts"
import { batchName, cancelledKey, prefix, print, queueName, withdrawnMark } from "./redis/queue-name.ts"
import { RedisWatch } from "./redis/redis-watch.ts"
import { ageKeys, queueKeys } from "./redis/scripts.ts"
import { otherVersions, tellEveryMs } from "./redis/versions.ts"
import { type JobData, toWire, type WireOutcome } from "./wire-outcome.ts"
import { left, returned, WorkedJob } from "./worked-job.ts"

export interface BullWorkerOptions {
  /** As BullMQ takes it: `{ host, port }`, `{ url }`, or a client. */
  readonly connection: ConnectionOptions
  /** Items at a time. Default 128: what runs against a vendor is for its quota to say. */
  readonly concurrency?: number
  /** Silence of a worker after which its jobs are given to others. Default 30,000. */
  readonly lockMs?: number
  /**
   * Hears what happens to the items here, and of runs of the flow in another version (`warning`, `other-version`), of a Redis that does not answer
   * or takes nothing (`store-lost`, `store-back`), and of items that were left because of it (`items-left`).
   */
  readonly onEvent?: EventSink
}

/** A worker that takes jobs until it is closed. */
export interface BullWorker extends AsyncDisposable {
  /** Takes no new job, and leaves items whose calls wait for a quota to others; resolves when the running ones have ended, or when Redis, which would be told of it, does not answer: then they are aborted. */
  close(): Promise<void>
}

/** How often a job may be begun again because its worker was lost, before its items are tried one by one. */
const mostLost = 2
/** A batch that was cancelled is noticed at most so much later. */
const lookEveryMs = 1_000
const cancelled = new Error("The batch was cancelled.")

/**
 * Does items of the batches inside `root` for a coordinator that runs the same flow with `bullExecutor`. Attempts, time limits and fallbacks
 * are made here, as the nodes say; put the calls inside under one quota for all workers with `@sluice/redis`.
 *
 * @example
 * ```ts no-run
 * const { batch } = define<object>()
 * const app = batch({ name: "count", prep: () => ["one two"], exec: (text) => text.split(" ").length })
 * const worker = bullWorker(app, { connection: { url: "redis://127.0.0.1:6379" } })
 * process.once("SIGTERM", () => void worker.close())
 * ```
 */
export function bullWorker(root: Node<never>, options: BullWorkerOptions): BullWorker {
  checkOptions("bullWorker", options, {
    connection: connectionCheck,
    concurrency: count(),
    lockMs: count(),
    onEvent: callable,
  })
  const { concurrency = 128, lockMs = 30_000, onEvent } = options
  const places = semaphore({ limit: concurrency, maxQueue: Infinity })
  /** Taken, and not at their end. */
  const running = new Map<Job<JobData>, WorkedJob>()
  /** Of the largest of late jobs. */
  let itemsOfJob = 1
  /** Items that may be taken besides what is here: what this worker holds, no other can do. */
  const room = (): number => {
    let free = concurrency
    for (const { open } of running.values()) free -= open
    return free
  }
  const jobsAtOnce = (): number => Math.max(1, running.size + Math.max(0, Math.round(room() / itemsOfJob)))
  /** Of jobs that are not told as ended. */
  const kept = new Map<string, KeptOutcomes>()
  const told = (id = ""): void => {
    kept.get(id)?.close()
    kept.delete(id)
  }
  const ended = (job: Job<JobData>): void => {
    running.delete(job)
    worker.concurrency = jobsAtOnce()
  }
  const worker = new Worker<JobData, readonly WireOutcome[]>(
    queueName(root),
    async (job, token, signal) => {
      const mine = running.get(job)!
      if (mine.isTooMuch && (await returned(job, token))) {
        ended(job)
        throw new WaitingError()
      }
      if (isClosed) mine.leaveWaiting()
      lookSoon()
      const { signal: cancelled } = mine
      try {
        // BullMQ would give up the job, and with it what was done of it.
        const complete = job.moveToCompleted.bind(job)
        job.moveToCompleted = (...told) => watch.taken(() => complete(...told))
        const outcomes = await KeptOutcomes.of(worker, watch, job)
        told(job.id)
        kept.set(job.id!, outcomes)
        mine.lost = () => {
          mine.leaveWaiting()
          outcomes.lost()
        }
        const signals = signal ? AbortSignal.any([signal, cancelled]) : cancelled
        return await doItems(root, job.data, { places, kept: outcomes, mine, signal: signals, onEvent }).finally(() => {
          outcomes.overMs = systemClock.now()
        })
      } finally {
        ended(job)
      }
    },
    {
      connection: persistent(options.connection),
      prefix,
      concurrency,
      lockDuration: lockMs,
      // What is lost is marked at one look, and given to others at a next one that finds no lock: with looks as far apart as locks are long, that
      // is up to two locks after the death.
      stalledInterval: lockMs / 10,
      maxStalledCount: mostLost,
      autorun: false,
    },
  )
  // Before it asks for another one. What ends without being done does not come to be worked on.
  worker.on("active", (job) => {
    if (job.deferredFailure !== undefined) return
    const { length } = job.data.items
    running.set(job, new WorkedJob(batchName(job.data), length, room() <= 0))
    itemsOfJob = Math.max(length, itemsOfJob + (length - itemsOfJob) / 4)
    worker.concurrency = jobsAtOnce()
  })
  worker.on("error", ({ message }) => {
    const [, id = ""] = /^Missing key for job (\S+)\. moveTo/.exec(message) ?? []
    kept.get(id)?.lost()
    kept.delete(id)
  })
  worker.on("completed", ({ id }) => told(id))
  worker.on("failed", (job) => told(job?.id))
  // Ends once nothing is taken any more and all that was taken has been told.
  const ran = worker.run().catch(() => {})
  const warn = (code: string, message: string): void => tellWarning(onEvent, systemClock.now(), code, message)
  const inFlight = (): number => places.snapshot().inUse
  const watch = new RedisWatch(worker, systemClock, {
    lost(how) {
      // Who leaves says so.
      if (isClosed) return
      const goesOn =
        inFlight() === 0 ? "nothing is in flight" : `${items(inFlight())} in flight, to be told when it is back`
      warn("store-lost", `Redis ${how}. Nothing new is taken; ${goesOn}.`)
    },
    back: (afterMs) => warn("store-back", `Redis answers again after ${Math.round(afterMs / 100) / 10} s.`),
  })
  let isLooking = false
  /** While jobs run, and once after: whether somebody still waits for them; and what they leave does not stay for good. */
  const lookSoon = (): void => {
    if (isLooking) return
    isLooking = true
    systemClock.setTimer(lookEveryMs, () => {
      void look()
        .catch(() => {})
        .finally(() => {
          isLooking = false
          if (running.size + kept.size > 0) lookSoon()
        })
    })
  }
  const look = async (): Promise<void> => {
    const nowMs = systemClock.now()
    // Other workers have it by then, whatever came of telling.
    for (const [id, { overMs = Infinity }] of kept) if (nowMs - overMs > lockMs) told(id)
    await ageKeys(worker, queueKeys)
    const client = await worker.getBackend().client
    for (const name of new Set([...running.values()].map(({ batch }) => batch))) {
      const how = await client.get(worker.toKey(cancelledKey(name)))
      if (how === null) continue
      for (const job of running.values()) {
        if (job.batch !== name) continue
        if (how === withdrawnMark) job.leaveWaiting()
        else job.abort(cancelled)
      }
    }
    await lookWhose(client)
  }
  /** Whose lock is another's, or gone with all that Redis had: what waits there for its turn is done by who has it now. */
  const lookWhose = async (client: { get(key: string): Promise<string | null> }): Promise<void> => {
    const looks = [...running].map(async ([job, mine]) => {
      const isMine = (await client.get(worker.toKey(`${job.id}:lock`))) === job.token
      // One that has ended meanwhile gave its lock back.
      if (!isMine && running.has(job)) mine.lost()
    })
    await Promise.all(looks)
  }
  const toldOf = new Set<string>()
  /** Says that this version is here, and hears which others are asked for. */
  const tell = async (): Promise<void> => {
    for (const name of await otherVersions(worker, root.name, "workers").catch(() => [])) {
      if (toldOf.has(name)) continue
      toldOf.add(name)
      const message = `A run of "${root.name}" in another version waits for workers: its jobs are in ${name}, and this worker takes those of ${worker.name} alone. Start a worker with that version.`
      warn("other-version", message)
    }
    if (!isClosed) stopTelling = systemClock.setTimer(tellEveryMs, () => void tell())
  }
  let isClosed = false
  let stopTelling = (): void => {}
  void tell()
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= leave())
  const leave = async (): Promise<void> => {
    isClosed = true
    stopTelling()
    for (const job of running.values()) job.leaveWaiting()
    await worker.pause(true)
    await watch.unlessGone(Promise.all([stopWaiting(worker), ran]))
    const { gone } = watch
    if (gone !== undefined) {
      const what = inFlight() === 0 ? "" : `: ${items(inFlight())} left in flight, for other workers to do again`
      warn("items-left", `Left without Redis, which ${gone}${what}.`)
      for (const job of running.values()) job.abort(left)
    }
    watch.stop()
    for (const id of kept.keys()) told(id)
    // Nothing is to be said any more, or nobody hears it: BullMQ would wait for an answer.
    await worker.close(true)
  }
  return { close, [Symbol.asyncDispose]: close }
}

function items(count: number): string {
  return count === 1 ? "1 item is" : `${count} items are`
}

/** Else it hears seconds later that nothing more is taken. A connection that is not there comes back by itself, unless it is dropped meanwhile. */
async function stopWaiting(worker: Worker): Promise<void> {
  const backend = worker.getBackend()
  if ((await backend.blockingClient)?.status === "ready") await backend.disconnectBlocking(false)
}

interface Surroundings {
  readonly places: Semaphore
  readonly kept: KeptOutcomes
  readonly mine: WorkedJob
  readonly signal: AbortSignal
  readonly onEvent: EventSink | undefined
}

async function doItems(
  root: Node<never>,
  { items, path, visit, runId, params, also }: JobData,
  { places, kept, mine, signal, onEvent }: Surroundings,
): Promise<readonly WireOutcome[]> {
  const place: ItemPlace = { path, visit, runId, params: { ...params, ...also } }
  const { done } = kept
  mine.open -= done.size
  await mapAll(
    items.filter(([index]) => !done.has(index)),
    async ([index, item]) => {
      if (signal.aborted) return
      const permit = await places.admit()
      const working = mine.begin(`${path}[${index}]`, signal)
      const options = { runtime: systemRuntime, signal: working.signal, ...(onEvent && { onEvent }) }
      const fromMs = systemClock.now()
      try {
        if (mine.isLeaving || kept.isLost) throw left
        const asked = print(item)
        const outcome = await runInScope(working.scope, () => runPlace(root, place, item, index, options))
        kept.ended(toWire(asked, outcome, systemClock.now() - fromMs), permit)
      } catch (error) {
        permit.settle({ outcome: "success" })
        // What has ended by then is kept, should the run be taken up again.
        if (error !== cancelled && error !== left) throw error
      } finally {
        mine.open--
        working.end()
      }
    },
    { concurrency: items.length },
  )
  return [...done.values()]
}
