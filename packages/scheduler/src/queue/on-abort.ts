interface Hub {
  readonly waiting: Set<() => void>
  readonly fire: () => void
}

const hubs = new WeakMap<AbortSignal, Hub>()

/**
 * Calls `fn` when `signal` aborts; the function it returns takes that back. However many calls wait on one signal, the signal
 * carries one listener, and none once nobody waits. The caller checks `signal.aborted` first.
 *
 * @example
 * ```ts
 * const controller = new AbortController()
 * let aborted = 0
 * const takeBack = onAbort(controller.signal, () => aborted++)
 * onAbort(controller.signal, () => aborted++)
 * takeBack()
 * controller.abort()
 * aborted // => 1
 * ```
 */
export function onAbort(signal: AbortSignal, fn: () => void): () => void {
  let hub = hubs.get(signal)
  if (!hub) {
    const waiting = new Set<() => void>()
    const fire = (): void => {
      hubs.delete(signal)
      for (const each of waiting) each()
    }
    hub = { waiting, fire }
    hubs.set(signal, hub)
    signal.addEventListener("abort", fire, { once: true })
  }
  const { waiting, fire } = hub
  waiting.add(fn)
  return () => {
    if (!waiting.delete(fn) || waiting.size > 0 || hubs.get(signal)?.fire !== fire) return
    hubs.delete(signal)
    signal.removeEventListener("abort", fire)
  }
}
