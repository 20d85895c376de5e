import {
  type AttemptContext,
  currentScope,
  type Executor,
  type ItemOptions,
  type MapOptions,
  type Outcome,
  runInScope,
  SluiceError,
} from "@sluice/core"
import type { VirtualTime } from "./virtual-time.ts"

type Fn<I, O> = (item: I, context: AttemptContext) => O | PromiseLike<O>

/** A plain parallel executor under virtual time: what core needs of the port, and no more. `"auto"` is 8 at once. */
export function parallelExecutor(time: VirtualTime, options: { readonly scopes?: boolean } = {}): Executor {
  return {
    run: (item, index, fn, itemOptions) => runItem(time, item, index, fn, itemOptions),
    map: (source, fn, mapOptions) => mapItems(source, fn, mapOptions, options.scopes ?? false),
  }
}

async function runItem<I, O>(
  time: VirtualTime,
  item: I,
  index: number,
  fn: Fn<I, O>,
  options: ItemOptions<I, O>,
): Promise<Outcome<O>> {
  const outer = options.signal ?? new AbortController().signal
  const maxAttempts = options.retry?.maxAttempts ?? 1
  let error: unknown
  let attempt = 0
  while (attempt < maxAttempts) {
    attempt++
    if (outer.aborted) throw outer.reason
    const own = new AbortController()
    const follow = (): void => own.abort(outer.reason)
    outer.addEventListener("abort", follow, { once: true })
    const cancel =
      options.timeoutMs === undefined
        ? undefined
        : time.setTimer(options.timeoutMs, () => own.abort(new SluiceError("timeout", "too slow")))
    try {
      const permit = await options.limiter?.admit(options.cost?.(item), { signal: outer })
      const value = await Promise.resolve(fn(item, { index, attempt, signal: own.signal })).finally(() =>
        permit?.settle("ignored"),
      )
      options.onAttempt?.({ index, attempt })
      return { status: "ok", index, value, attempts: attempt }
    } catch (thrown) {
      error = thrown
      options.onAttempt?.({ index, attempt, error })
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
    const value = await options.fallback(item, error, { index, attempt, signal: outer })
    return { status: "ok", index, value, attempts: attempt }
  } catch (thrown) {
    if (outer.aborted) throw outer.reason
    return { status: "failed", index, error: thrown, attempts: attempt }
  }
}

async function* mapItems<I, O>(
  source: Iterable<I> | AsyncIterable<I>,
  fn: Fn<I, O>,
  options: MapOptions<I, O>,
  scopes: boolean,
): AsyncGenerator<Outcome<O>> {
  const limit = options.concurrency === undefined || options.concurrency === "auto" ? 8 : options.concurrency
  const stop = new AbortController()
  const follow = (): void => stop.abort(options.signal?.reason)
  if (options.signal?.aborted) follow()
  else options.signal?.addEventListener("abort", follow, { once: true })
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  const parent = currentScope()
  const running = new Map<number, Promise<Outcome<O>>>()
  const ready = new Map<number, Outcome<O>>()
  let pulled = 0
  let next = 0
  let exhausted = false

  const start = async (item: I, index: number): Promise<Outcome<O>> => {
    try {
      const context = { index, attempt: 1, signal: stop.signal }
      const scope = { parent, site: `test[${index}]`, signal: stop.signal, waiting: 0, holding: 0 }
      const value = await (scopes ? runInScope(scope, fn, item, context) : fn(item, context))
      return { status: "ok", index, value, attempts: 1 }
    } catch (error) {
      return { status: "failed", index, error, attempts: 1 }
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
