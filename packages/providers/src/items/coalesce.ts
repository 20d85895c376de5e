import {
  type Clock,
  countInScope,
  currentLane,
  currentScope,
  type LaneScope,
  runInScope,
  SluiceError,
} from "@sluice/core"
import {
  callable,
  checkOptions,
  clock as clockLike,
  count,
  milliseconds,
  needed,
  type Shape,
} from "@sluice/core/internal"
import { onAbort, systemClock } from "@sluice/scheduler"
import { type GroupMember, GroupScope } from "./group-scope.ts"

/** How items travel together. */
export interface CoalesceOptions<I, A, R> {
  /** Items in one request, at most. */
  readonly maxItems: number
  /** Tokens in one request, at most, as `tokens` counts them. */
  readonly maxTokens?: number
  /** Default: a quarter of the characters of the item as JSON. */
  readonly tokens?: (item: I) => number
  /** How long the first item of a request waits for company. Default 50. */
  readonly maxWaitMs?: number
  /** One request for these items. Aborted when nobody waits for it any more. */
  readonly pack: (items: readonly I[], context: { readonly signal: AbortSignal }) => Promise<A>
  /**
   * The answer, taken apart: one entry per item, in order, `undefined` for what is missing or malformed. It may throw
   * when there is nothing to take apart.
   */
  readonly unpack: (answer: A, items: readonly I[]) => readonly (R | undefined)[]
  readonly clock?: Clock
}

const checks: Shape<CoalesceOptions<unknown, unknown, unknown>> = {
  maxItems: needed(count()),
  maxTokens: count(),
  tokens: callable,
  maxWaitMs: milliseconds,
  pack: needed(callable),
  unpack: needed(callable),
  clock: clockLike,
}

/** The defaults, each with its reason. */
export const coalesceDefaults: { readonly maxWaitMs: number } = Object.freeze({
  /** Unnoticed beside a model's seconds, and long enough for a batch to pull its next items. */
  maxWaitMs: 50,
})

interface Passenger<I, R> extends GroupMember {
  readonly item: I
  readonly lane: LaneScope | undefined
  readonly resolve: (result: R) => void
  readonly reject: (error: unknown) => void
  gone: boolean
  /** The request that it is in. */
  group: Group | undefined
}

interface Group {
  readonly leave: (member: GroupMember) => void
}

/**
 * Many prompts in one call: groups the items of concurrent calls into one request, and splits its answer. As the `exec`
 * of a batch it is an option of that batch: with `concurrency: "auto"` it pulls on while items wait for company.
 * (Make it before the batch, as a constant: inside the options TypeScript cannot infer the results that `post` gets.)
 *
 * An item whose part came back missing or malformed is sent again, alone, once; so is every item when the answer cannot
 * be taken apart at all. A group that is refused for what is in it (status 400, 413 or 422) is sent again in halves, so
 * that one bad item fails alone; any other error of `pack` is the error of each of its items. A result belongs to its item
 * whatever the others do. An item that is aborted leaves at once; the request is aborted when all have left. What a
 * request costs is accounted to its items, by their tokens.
 * Holds one open group, and the groups in flight.
 *
 * @throws SluiceError `invalid-option`; `item-failed` when an item sent alone comes back without a result.
 * @example
 * ```ts
 * const upper = coalesce({
 *   maxItems: 10,
 *   maxWaitMs: 1,
 *   pack: async (words: readonly string[]) => words.join("\n").toUpperCase(),
 *   unpack: (answer) => answer.split("\n"),
 * })
 * await Promise.all([upper("a"), upper("b")]) // => ["A", "B"]
 * ```
 */
export function coalesce<I, A, R>(
  options: CoalesceOptions<I, A, R>,
): (item: I, context?: { readonly signal?: AbortSignal | undefined }) => Promise<R> {
  checkOptions<CoalesceOptions<I, A, R>>("coalesce", options, checks)
  const { maxItems, maxTokens = Infinity, maxWaitMs = coalesceDefaults.maxWaitMs, clock = systemClock } = options
  const tokensOf = options.tokens ?? ((item: I) => Math.ceil((JSON.stringify(item)?.length ?? 0) / 4))
  let group: Passenger<I, R>[] = []
  let tokens = 0
  let cancelTimer: (() => void) | undefined

  const depart = (): void => {
    cancelTimer?.()
    cancelTimer = undefined
    const leaving = group.filter((one) => !one.gone)
    group = []
    tokens = 0
    if (leaving.length > 0) void travel(options, leaving)
  }

  return (item, context) =>
    new Promise<R>((resolve, reject) => {
      const scope = currentScope()
      const signal = context?.signal ?? scope?.signal
      if (signal?.aborted) return reject(signal.reason)
      const size = tokensOf(item)
      if (group.length > 0 && tokens + size > maxTokens) depart()
      // Like a call between two attempts: it holds nothing, and others should be pulled meanwhile.
      countInScope(scope, "resting", 1)
      const end = (): boolean => {
        if (passenger.gone) return false
        forget?.()
        passenger.gone = true
        passenger.group?.leave(passenger)
        countInScope(scope, "resting", -1)
        return true
      }
      const forget =
        signal &&
        onAbort(signal, () => {
          if (end()) reject(signal.reason)
        })
      const passenger: Passenger<I, R> = {
        item,
        tokens: size,
        scope,
        lane: currentLane(),
        gone: false,
        group: undefined,
        resolve: (result) => end() && resolve(result),
        reject: (error) => end() && reject(error),
      }
      group.push(passenger)
      tokens += size
      if (group.length >= maxItems || tokens >= maxTokens) depart()
      else cancelTimer ??= clock.setTimer(maxWaitMs, depart)
    })
}

async function travel<I, A, R>(options: CoalesceOptions<I, A, R>, group: readonly Passenger<I, R>[]): Promise<void> {
  const items = group.map((one) => one.item)
  const { signal, scope, arrive } = board(group)
  let parts: readonly (R | undefined)[]
  try {
    const answer = await runInScope(scope, () => options.pack(items, { signal }))
    arrive()
    parts = takenApart(options, answer, items)
  } catch (error) {
    arrive()
    const left = group.filter((one) => !one.gone)
    if (left.length < 2 || !isAboutContent(error)) {
      for (const one of left) one.reject(error)
      return
    }
    const half = left.length >> 1
    void travel(options, left.slice(0, half))
    void travel(options, left.slice(half))
    return
  }
  for (const [index, one] of group.entries()) {
    const part = parts[index]
    if (part !== undefined) one.resolve(part)
    else if (one.gone) continue
    else if (group.length > 1) void travel(options, [one])
    else
      one.reject(
        new SluiceError(
          "item-failed",
          "coalesce: the answer to an item sent alone holds no result for it. Look at unpack, or at what the model answers.",
          { retryable: true },
        ),
      )
  }
}

/** Puts items into one request, which is aborted when the last of them leaves before it has arrived. */
function board<I, R>(
  group: readonly Passenger<I, R>[],
): {
  readonly signal: AbortSignal
  readonly scope: GroupScope
  readonly arrive: () => void
} {
  const controller = new AbortController()
  const scope = new GroupScope(group, controller.signal, group[0]?.lane)
  let hasArrived = false
  const leave = (member: GroupMember): void => {
    scope.leave(member)
    if (!hasArrived && group.every((each) => each.gone))
      controller.abort(new DOMException("Nobody waits for this request", "AbortError"))
  }
  for (const one of group) one.group = { leave }
  return { signal: controller.signal, scope, arrive: () => void (hasArrived = true) }
}

const contentStatuses = new Set<unknown>([400, 413, 422])

/** Whether the vendor's SDK says that the request itself is at fault: a smaller one may pass. */
function isAboutContent(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false
  const { status, statusCode } = error as { status?: unknown; statusCode?: unknown }
  return contentStatuses.has(status ?? statusCode)
}

function takenApart<I, A, R>(
  options: CoalesceOptions<I, A, R>,
  answer: A,
  items: readonly I[],
): readonly (R | undefined)[] {
  try {
    const parts = options.unpack(answer, items)
    // More or fewer parts than items: nobody knows which is whose.
    return parts.length === items.length ? parts : []
  } catch {
    return []
  }
}
