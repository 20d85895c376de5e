import type { BegunWork } from "./begun-work.ts"
import type { SluiceEvent } from "./events.ts"

/**
 * Receives every event, in order, synchronously. One that throws does not disturb the run. How a call waits, is sent and ends is told in
 * the async context in which it was made, whoever sets that off.
 */
export interface EventSink {
  (event: SluiceEvent): void
  /**
   * Runs a piece of work that begins, as a tracer does to make its span the active one there. Calls `fn` once, synchronously, and
   * returns what it returned. A function that passes events on to this sink must pass this on too.
   */
  readonly within?: <R>(work: BegunWork, fn: () => R) => R
  /** Told once of each quota: `state` says how it does, at any time. The quota keeps it, so whoever may outlive that holds it weakly. */
  readonly watch?: (state: () => QuotaState) => void
  /** Whether `call-end` events shall carry prompts and answers. Default false: no event does. */
  readonly wantsContent?: boolean
}

/** Runs `fn` once, inside what the sink puts around it, whatever the sink does. Of one that throws, or returns nothing, what `fn` did counts. */
export function runWithin<R>(sink: EventSink | undefined, work: BegunWork, fn: () => R): R {
  if (!sink?.within) return fn()
  let end: (() => R) | undefined
  const once = (): R => {
    if (!end)
      try {
        const value = fn()
        end = () => value
      } catch (error) {
        end = () => {
          throw error
        }
      }
    return end()
  }
  try {
    const told = sink.within(work, once)
    if (end && told !== undefined) return told
  } catch {
    // Thrown by the sink, or by the work, which throws it again.
  }
  return once()
}

/** A quota at one moment, as plain data: no key, prompt or header is in it. */
export interface QuotaState {
  readonly quota: string
  /** On the quota's clock, and what the wall clock (milliseconds since 1970) showed then. */
  readonly atMs: number
  readonly wallMs: number
  readonly inFlight: number
  readonly waiting: number
  readonly gate: { readonly state: "open" | "closed" | "ramping" }
  readonly limits: readonly {
    readonly name: string
    readonly dimension: string
    readonly limit: number
    /** What could be taken now; negative in debt. */
    readonly level: number
    /** Rates only. */
    readonly windowMs?: number
  }[]
}
