import type { AttemptContext } from "./attempt-context.ts"
import type { Cost } from "../cost.ts"
import type { MaybePromise } from "../maybe-promise.ts"
import type { Outcome } from "../outcome.ts"
import type { Limiter, RetryOptions } from "./ports.ts"
import type { Scope } from "../scope/scope.ts"

/** How each item is tried. */
export interface ItemOptions<I, O> {
  readonly retry?: RetryOptions
  /** Per attempt; a timed-out attempt counts as an attempt. */
  readonly timeoutMs?: number
  /** Stands in for the item when its attempts are spent. */
  readonly fallback?: (item: I, error: unknown, context: AttemptContext) => MaybePromise<O>
  /** Admits each attempt. Leave it out when the attempt's HTTP calls are admitted by `limitedFetch`. */
  readonly limiter?: Limiter
  /** Whose limiter admits the item, where `limiter` is `keyed`. */
  readonly limiterKey?: (item: I, context: AttemptContext) => string
  readonly cost?: (item: I) => Cost
}

/** How the items of a map are run. */
export interface MapOptions {
  /** A number (1 = one after the other) or `"auto"`: as many as the quota admits. Default `"auto"`. */
  readonly concurrency?: number | "auto"
  /** `"input"` (default) within a bounded reorder window, or `"completion"`. */
  readonly order?: "input" | "completion"
  /** With `order: "input"`: how far the newest item may be ahead of the oldest unfinished one. Default 4,096. */
  readonly reorderWindow?: number
  /**
   * `"stop"` (default): the first final failure aborts what is in flight, waits for it to settle and rejects.
   * `"collect"`: failures are outcomes. An object: collect until the budget of failures is spent, then stop.
   */
  readonly onError?: OnError
  readonly priority?: number
  readonly signal?: AbortSignal
}

export type OnError =
  | "stop"
  | "collect"
  | {
      readonly maxFailures?: number
      readonly maxFailureRatio?: number
      /** `maxFailureRatio` counts once this many items have settled. Default 20. */
      readonly after?: number
    }

/** Names the node of a batch in a run: with it, `runPlace` does an item in another process. */
export interface ItemPlace {
  /** Names of nodes from the outermost flow, e.g. `digest/perFile/summarise`. */
  readonly path: string
  /** How often this node had run before in this run (loops); 0 for the first visit. */
  readonly visit: number
  readonly runId: string
  readonly params: Readonly<Record<string, unknown>>
}

/**
 * What is done with each item of a map: `open`, `known`, then attempts, each followed by `attempted`, and at the end `settled`, or
 * `dropped` when there is no outcome. Attempts and fallbacks run inside the item's scope; the others get it.
 */
export interface ItemWork<I, O> {
  /** One attempt. Its context is the scope that `open` made, or one below it for a later attempt and for one with a time limit. */
  readonly attempt: (item: I, context: AttemptContext) => MaybePromise<O>
  readonly policy?: ItemOptions<I, O>
  /** Makes the item's scope. Default: a plain one below the scope that called `map`. Outcomes carry its `index`. */
  readonly open?: (item: I, index: number, signal: AbortSignal) => Scope
  /** The outcome that stands in for the item: from a journal, or of an earlier run. It is not `settled` again. */
  readonly known?: (item: I, scope: Scope) => MaybePromise<Outcome<O> | undefined>
  /** Each attempt ended. */
  readonly attempted?: (event: AttemptEnd, scope: Scope) => void
  /** The item ended. Its outcome counts, and its slot is free, only when this has resolved; an outcome that it returns counts instead. */
  readonly settled?: (outcome: Outcome<O>, item: I, scope: Scope) => MaybePromise<Outcome<O> | void>
  /** The item ended without an outcome: the map was stopped while it was in flight, or `known` or `settled` threw. */
  readonly dropped?: (reason: unknown, item: I, scope: Scope) => void
  /** Where the items belong, when they may be done elsewhere. */
  readonly place?: ItemPlace
}

/** How one attempt ended: well, if there is no `error`. */
export interface AttemptEnd {
  readonly index: number
  readonly attempt: number
  readonly error?: unknown
}

/** Runs items. core has a sequential one; the scheduler's runs them in parallel under limits. */
export interface Executor {
  /**
   * One outcome per item. Pulls; holds O(in flight + reorder window).
   *
   * Once `signal` is aborted, the source throws, `known` or `settled` throws, or the consumer leaves (`return`), it starts nothing
   * more, aborts what it started and waits for that to settle, closes the source, and then rejects: with `signal.reason` or the
   * error, untouched.
   */
  map<I, O>(
    source: Iterable<I> | AsyncIterable<I>,
    work: ItemWork<I, O>,
    options: MapOptions,
  ): AsyncIterable<Outcome<O>>
}
