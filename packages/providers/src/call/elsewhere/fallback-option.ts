import type { FetchInput } from "../../http/request.ts"

/** A call that got no answer, for a function that makes it elsewhere. */
export interface FallbackCall {
  readonly url: URL
  /** The caller's headers, with its key, and its signal. */
  readonly init: RequestInit
  /** The parsed body, where it is an object of JSON. */
  readonly body: Readonly<Record<string, unknown>> | undefined
  /** Under the same limits, and with no fallback of its own. */
  readonly fetch: (input: FetchInput, init?: RequestInit) => Promise<Response>
}

/**
 * Where a call goes when it gets no answer where it was sent: another model, another key, or both, of the same vendor; or to
 * whomever a function sends it.
 */
export interface Fallback {
  readonly model?: string
  /**
   * Makes the call, at another vendor too. What it resolves to is the caller's answer, so it must be in the form that the
   * caller's SDK expects.
   */
  readonly send?: (call: FallbackCall) => Promise<Response>
  /** A secret of another account. Held in memory, told to nobody. */
  readonly key?: string
  /** What makes a call go here; default: all of it. */
  readonly when?: {
    /** The one before would keep it waiting for longer than this. Default 30,000. */
    readonly waitMs?: number
    /** The one before refuses the account, or its day or budget is used up. */
    readonly fatal?: boolean
    /** The one before has no capacity, no connection or no answer in time, after all attempts. */
    readonly overloaded?: boolean
  }
}

/** The defaults, each with its reason. */
export const fallbackDefaults: { readonly waitMs: number; readonly fatal: boolean; readonly overloaded: boolean } =
  Object.freeze({
    /** Longer than the gaps of a rate limit, shorter than a person's patience. */
    waitMs: 30_000,
    fatal: true,
    overloaded: true,
  })
