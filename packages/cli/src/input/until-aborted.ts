import { onAbort } from "@sluice/scheduler"

/** What `source` gives until `signal` is aborted. What has not come by then is not waited for: standard input may be silent for hours. */
export async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const items = source[Symbol.asyncIterator]()
  let leave = (): void => {}
  const forget = onAbort(signal, () => leave())
  try {
    while (!signal.aborted) {
      const next = await new Promise<IteratorResult<T> | undefined>((resolve, reject) => {
        leave = () => resolve(undefined)
        items.next().then(resolve, reject)
      })
      if (!next || next.done) return
      yield next.value
    }
  } finally {
    forget()
    // It may be waiting itself.
    void Promise.resolve(items.return?.()).catch(() => {})
  }
}
