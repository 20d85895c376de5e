/** Who watches a body go by. Exactly one of `end`, `fail`, `cancel` is called, once. */
export interface BodyMeter {
  /** The caller asks for more. */
  readonly ask: () => void
  /** After the caller got the bytes. Must not keep or change them. */
  readonly chunk: (bytes: Uint8Array) => void
  readonly end: () => void
  /** Returns the error that the caller gets. */
  readonly fail: (error: unknown) => unknown
  /** The caller stopped reading. */
  readonly cancel: () => void
}

/**
 * The same bytes in the same chunks, with somebody watching. Pulls only when the caller reads, so back-pressure
 * passes through; a cancel reaches the vendor's connection.
 */
export function meteredBody(
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
  meter: BodyMeter,
  head: readonly Uint8Array<ArrayBuffer>[] = [],
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let next = 0
  return new ReadableStream(
    {
      async pull(controller) {
        if (next < head.length) {
          controller.enqueue(head[next++]!)
          return
        }
        meter.ask()
        try {
          const { done, value } = await reader.read()
          if (done) {
            meter.end()
            controller.close()
          } else {
            controller.enqueue(value)
            meter.chunk(value)
          }
        } catch (error) {
          throw meter.fail(error)
        }
      },
      cancel(reason) {
        meter.cancel()
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}
