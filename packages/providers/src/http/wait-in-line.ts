import { onAbort } from "@sluice/scheduler"

/** Resolves when whoever keeps the `line` calls what stands in it, and rejects as soon as `signal` aborts; either way it leaves the line. */
export function waitInLine(line: Set<() => void>, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const forget =
      signal &&
      onAbort(signal, () => {
        line.delete(go)
        reject(signal.reason)
      })
    const go = (): void => {
      line.delete(go)
      forget?.()
      resolve()
    }
    line.add(go)
  })
}
