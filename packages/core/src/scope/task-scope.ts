import type { Cost } from "../cost.ts"
import type { LaneScope } from "../model/lane.ts"
import type { EventSink } from "../ports/event-sink.ts"
import type { Limiter } from "../ports/ports.ts"
import type { LendablePermit } from "./lendable-permit.ts"

/**
 * What the code that runs inside one item is doing, as far as admission can tell.
 * It travels by AsyncLocalStorage: a limiter finds the item that called it, with no plumbing.
 *
 * The executor reads `waiting` and `holding` to decide whether to pull another item
 * (auto concurrency); limiters write them.
 */
export interface TaskScope {
  /** The scope of the item, node or run that started this one. */
  readonly parent: TaskScope | undefined
  /** Names the item for people: `digest/summarise[3]`. */
  readonly site: string
  readonly runId?: string | undefined
  /** The event span that this scope belongs to; see `events.ts`. */
  readonly spanId?: number | undefined
  /** Aborted when the item is cancelled. */
  readonly signal?: AbortSignal
  readonly priority?: number
  /** So many of its batch may come as soon as this item is admitted: who waits in it, or in a scope inside it, may be the front of a herd. */
  readonly followers?: number
  /** Calls of this item that wait for admission now. */
  waiting: number
  /** Permits this item's calls hold now. */
  holding: number
  /** Calls of this item that wait between two attempts now. */
  resting?: number
  /** Limiters of which this item holds a permit, so that re-entry is noticed. */
  held?: Limiter[]
  /** The permit that the executor took for this item: a map inside with the same limiter borrows its place. */
  permit?: LendablePermit | undefined
  /** Called after `waiting`, `holding` or `resting` changed; see `countInScope`. */
  onChange?: () => void
  /** Which way this item's model calls go, where its batch says so; see `currentLane`. */
  readonly lane?: LaneScope | "online" | undefined
  /** Adds to the usage of this item. `told`: who was told of it already, and is not told again by the run. */
  spend?: ((cost: Cost, told?: EventSink) => void) | undefined
}

interface AsyncStorage<T> {
  getStore(): T | undefined
  enterWith(store: T): void
  run<R, A extends unknown[]>(store: T, fn: (...args: A) => R, ...args: A): R
}

// `process.getBuiltinModule` keeps the module loadable in browsers, where context travels by argument only.
interface HostProcess {
  getBuiltinModule?: (id: string) => { AsyncLocalStorage: new <T>() => AsyncStorage<T> } | undefined
}
const host = (globalThis as { process?: HostProcess }).process
const Storage = host?.getBuiltinModule?.("node:async_hooks")?.AsyncLocalStorage

// One storage for all copies of the package in a process.
const slot: unique symbol = Symbol.for("sluice.task-scope") as never
const globals = globalThis as { [slot]?: AsyncStorage<TaskScope> }
if (Storage) globals[slot] ??= new Storage<TaskScope>()
const storage = globals[slot]

/**
 * The scope of the code that is running, if it runs inside an item.
 *
 * @example
 * ```ts
 * const { batch } = define<object>()
 * const node = batch({ name: "node", prep: () => ["a"], exec: () => currentScope()?.site, post: (_, __, [site]) => site })
 * await node.run({}) // => "node[0]"
 * ```
 */
export function currentScope(): TaskScope | undefined {
  return storage?.getStore()
}

/**
 * The lane of the nearest batch around the code that is running; `undefined` when its calls go online.
 *
 * @example
 * ```ts
 * const { batch } = define<{ lane?: unknown }>()
 * const node = batch({
 *   name: "node",
 *   lane: "batch",
 *   prep: () => ["a"],
 *   exec: () => currentLane()?.lane,
 *   post: (shared, _items, [lane]) => { shared.lane = lane },
 * })
 * const shared: { lane?: unknown } = {}
 * await node.run(shared)
 * shared.lane // => "batch"
 * ```
 */
export function currentLane(): LaneScope | undefined {
  for (let each = currentScope(); each; each = each.parent) {
    if (each.lane) return each.lane === "online" ? undefined : each.lane
  }
  return undefined
}

/**
 * Runs `fn(...args)` inside `scope`.
 *
 * @example
 * ```ts
 * const scope = { parent: currentScope(), site: "by hand", waiting: 0, holding: 0 }
 * runInScope(scope, () => currentScope()?.site) // => "by hand"
 * ```
 */
export function runInScope<R, A extends unknown[]>(scope: TaskScope, fn: (...args: A) => R, ...args: A): R {
  return storage ? storage.run(scope, fn, ...args) : fn(...args)
}

/**
 * Puts what the present async context still does inside `scope`. For an executor that gives each item a context of its own and
 * ends it itself: half the price of `runInScope`, which has to put back what was before.
 *
 * @example
 * ```ts
 * const outer = { parent: undefined, site: "outer", waiting: 0, holding: 0 }
 * const inner = { parent: outer, site: "inner", waiting: 0, holding: 0 }
 * runInScope(outer, () => (enterScope(inner), currentScope()?.site)) // => "inner"
 * ```
 */
export function enterScope(scope: TaskScope): void {
  storage?.enterWith(scope)
}

/**
 * Counts a call that begins (+1) or ceases (-1) to wait for admission, to hold a permit or to rest between attempts.
 * The scopes around `scope` count it too: an item that runs a whole sub-flow waits when a call deep inside it waits.
 *
 * @example
 * ```ts
 * const outer = { parent: undefined, site: "outer", waiting: 0, holding: 0 }
 * const inner = { parent: outer, site: "inner", waiting: 0, holding: 0 }
 * countInScope(inner, "waiting", 1)
 * outer.waiting // => 1
 * ```
 */
export function countInScope(scope: TaskScope | undefined, what: "waiting" | "holding" | "resting", by: 1 | -1): void {
  for (let each = scope; each; each = each.parent) {
    // By name: `each[what]` would cost 50 ns, twice a call.
    if (what === "holding") each.holding += by
    else if (what === "waiting") each.waiting += by
    else each.resting = (each.resting ?? 0) + by
    each.onChange?.()
  }
}
