import type { EventSink } from "@sluice/core"

/** What quotas notice one after the other within so long has happened once. */
const onceMs = 60_000

/** What is so of the server, and not of one quota: several with one listener would tell it the same. */
export class ServerNews {
  readonly #told = new Map<EventSink | undefined, Map<string, { readonly by: object; readonly atMs: number }>>()

  /** Whether this is for `by` to tell: nobody else has told the listener of late. */
  isNew(sink: EventSink | undefined, what: string, by: object, nowMs: number): boolean {
    const told = this.#told.get(sink) ?? new Map<string, { readonly by: object; readonly atMs: number }>()
    this.#told.set(sink, told)
    const before = told.get(what)
    if (before !== undefined && before.by !== by && nowMs - before.atMs < onceMs) return false
    told.set(what, { by, atMs: nowMs })
    return true
  }
}
