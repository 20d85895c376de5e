import {
  currentScope,
  type Executor,
  type ItemWork,
  type MapOptions,
  type Outcome,
  runInScope,
  Scope,
  SluiceError,
} from "@sluice/core"
import type { VirtualTime } from "./virtual-time.ts"

/** A plain parallel executor under virtual time: what core needs of the port, and no more. `"auto"` is 8 at once. */
export function parallelExecutor(time: VirtualTime): Executor {
  return { map: (source, work, options) => mapItems(time, source, work, options, currentScope()) }
}

async function runItem<I, O>(time: VirtualTime, item: I, scope: Scope, work: ItemWork<I, O>): Promise<Outcome<O>> {
  try {
    const known = await work.known?.(item, scope)
    if (known) return known
    const outcome = await tryItem(time, item, scope, work)
    return (await work.settled?.(outcome, item, scope)) ?? outcome
  } catch (error) {
    work.dropped?.(error, item, scope)
    throw error
  }
}

async function tryItem<I, O>(time: VirtualTime, item: I, scope: Scope, work: ItemWork<I, O>): Promise<Outcome<O>> {
  const { index, signal: outer } = scope
  const { policy: options = {} } = work
  const maxAttempts = options.retry?.maxAttempts ?? 1
  let error: unknown
  let attempt = 0
  let context = scope
  while (attempt < maxAttempts) {
    attempt++
    if (outer.aborted) throw outer.reason
    const own = new AbortController()
    const follow = (): void => own.abort(outer.reason)
    outer.addEventListener("abort", follow, { once: true })
    context = attempt > 1 || options.timeoutMs !== undefined ? scope.again(attempt, own.signal) : scope
    const cancel =
      options.timeoutMs === undefined
        ? undefined
        : time.setTimer(options.timeoutMs, () => own.abort(new SluiceError("timeout", "too slow")))
    try {
      const permit = await options.limiter?.admit(options.cost?.(item), { signal: outer })
      const value = await Promise.resolve(runInScope(context, work.attempt, item, context)).finally(() =>
        permit?.settle({ outcome: "ignored" }),
      )
      work.attempted?.({ index, attempt }, scope)
      return { status: "ok", index, value, attempts: attempt }
    } catch (thrown) {
      error = thrown
      work.attempted?.({ index, attempt, error }, scope)
      if (outer.aborted) throw outer.reason
      if (options.retry?.retryIf?.(thrown, attempt) === false) break
      const waitMs = options.retry?.backoff?.initialMs ?? 0
      if (waitMs > 0 && attempt < maxAttempts) await time.sleep(waitMs, outer)
    } finally {
      cancel?.()
      outer.removeEventListener("abort", follow)
    }
  }
  if (!options.fallback) return { status: "failed", index, error, attempts: attempt }
  try {
    const value = await runInScope(context, options.fallback, item, error, context)
    return { status: "ok", index, value, attempts: attempt }
  } catch (thrown) {
    if (outer.aborted) throw outer.reason
    return { status: "failed", index, error: thrown, attempts: attempt }
  }
}

async function* mapItems<I, O>(
  time: VirtualTime,
  source: Iterable<I> | AsyncIterable<I>,
  work: ItemWork<I, O>,
  options: MapOptions,
  parent: ReturnType<typeof currentScope>,
): AsyncGenerator<Outcome<O>> {
  const limit = options.concurrency === undefined || options.concurrency === "auto" ? 8 : options.concurrency
  const stop = new AbortController()
  const follow = (): void => stop.abort(options.signal?.reason)
  if (options.signal?.aborted) follow()
  else options.signal?.addEventListener("abort", follow, { once: true })
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  const running = new Map<number, Promise<Outcome<O>>>()
  const ready = new Map<number, Outcome<O>>()
  let pulled = 0
  let next = 0
  let exhausted = false

  const start = async (item: I, position: number): Promise<Outcome<O>> => {
    const scope = work.open?.(item, position, stop.signal) ?? new Scope(parent, position, stop.signal)
    try {
      return await runItem(time, item, scope, work)
    } catch (error) {
      // What surrounds an item threw, if the map was not stopped already.
      if (!stop.signal.aborted) stop.abort(error)
      return { status: "failed", index: scope.index, error, attempts: 0 }
    }
  }
  let pulling: Promise<void> | undefined
  const pull = async (): Promise<void> => {
    const step = await iterator.next()
    pulling = undefined
    if (step.done) exhausted = true
    else if (!stop.signal.aborted) {
      const index = pulled++
      const settle = (outcome: Outcome<O>): Outcome<O> => {
        running.delete(index)
        ready.set(index, outcome)
        return outcome
      }
      running.set(index, start(step.value, index).then(settle))
    }
  }
  try {
    for (;;) {
      if (stop.signal.aborted) throw stop.signal.reason
      const mayPull = !exhausted && running.size < limit && ready.size < 64
      if (mayPull) pulling ??= pull()
      const at = options.order === "completion" ? ready.keys().next().value : next
      const outcome = at === undefined ? undefined : ready.get(at)
      if (at !== undefined && outcome) {
        ready.delete(at)
        next++
        if (outcome.status === "failed" && options.onError !== "collect") throw outcome.error
        yield outcome
        continue
      }
      const waits: Promise<unknown>[] = [...running.values()]
      if (pulling) waits.push(pulling)
      if (waits.length === 0) return
      await Promise.race(waits)
    }
  } finally {
    if (!stop.signal.aborted) stop.abort(new DOMException("left", "AbortError"))
    await Promise.allSettled(running.values())
    options.signal?.removeEventListener("abort", follow)
    // A source that hangs in its pull must not hold up a cancel: it is told to close, and not waited for.
    pulling?.catch(() => {})
    void iterator.return?.()
  }
}
