/** Who watches the parts of a stream go by. */
export interface PartsWatcher {
  readonly part: (part: unknown) => void
  /** The stream ended, or failed with `error`. */
  readonly end: (error?: unknown) => void
  /** Nobody reads on. */
  readonly leave: () => void
}

const dropped = new FinalizationRegistry<() => void>((leave) => leave())

/** The same parts, pulled only when the reader asks for them. */
export function watchedParts(stream: ReadableStream, { part, end, leave }: PartsWatcher): ReadableStream {
  const reader = stream.getReader()
  const watched = new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (done) {
            end()
            controller.close()
          } else {
            part(value)
            controller.enqueue(value)
          }
        } catch (error) {
          end(error)
          throw error
        }
      },
      cancel(reason) {
        leave()
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
  dropped.register(watched, () => {
    leave()
    reader.cancel().catch(() => {})
  })
  return watched
}
