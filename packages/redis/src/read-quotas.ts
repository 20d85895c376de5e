import { SluiceError } from "@sluice/core"
import { unlessLate } from "@sluice/core/internal"
import { systemClock } from "@sluice/scheduler"
import { showLua } from "./scripts/show.lua.ts"
import { tellLua } from "./scripts/tell.lua.ts"
import type { IoredisLike } from "./store/ioredis-store.ts"
import type { NodeRedisLike } from "./store/node-redis-store.ts"
import { everyQuota, keysOf } from "./store/quota-keys.ts"
import { script, type Store } from "./store/store.ts"
import { storeOf } from "./store/store-of.ts"
import { listOf } from "./wire/turn.ts"

/** One limit of a shared quota. Numbers are per window; of `concurrency` see `places`. */
export interface SharedLimitState {
  readonly name: string
  readonly kind: "bucket" | "sliding" | "fixed" | "total"
  readonly windowMs: number
  /** The limit in force, which is used for all: what was set, else told, or what was found where that is lower. */
  readonly used: number
  /** What the processes were told, what an operator set, what was found to be the vendor's. */
  readonly told?: number
  readonly set?: number
  readonly found?: number
  readonly level: number
  /** By how many milliseconds calls are kept further apart than the limit asks, as some arrived too early. Only where that is above 0. */
  readonly earlyMs?: number
}

/** A quota that processes share, as it is kept. No key, prompt or address is in it. */
export interface SharedQuotaState {
  /** Names it among all of a server. */
  readonly tag: string
  /** What its processes call it: `openai/gpt-4o`. */
  readonly name: string
  readonly limits: readonly SharedLimitState[]
  readonly members: readonly {
    readonly id: string
    readonly silentMs: number
    /** Places that it holds, and calls that have a time to start at. */
    readonly places: number
    readonly tickets: number
    /** Calls that wait there, those included; and what is in the way of the first that has no time yet, or has to wait for one. */
    readonly waiting: number
    readonly waitsFor?: string
    readonly asks: boolean
    readonly learns: boolean
  }[]
  /** Calls of all members that wait, by what is in the way; the most first. */
  readonly waiting: readonly { readonly reason: string; readonly calls: number }[]
  /** Processes that were lost, whose share is left alone for now; and the share that the others have. */
  readonly lost: number
  readonly share: number
  readonly gateMs: number
  readonly ramping: boolean
  /** Places in all (-1: no limit), and those that are taken. */
  readonly places: number
  readonly running: number
  readonly episodes: number
  readonly refused: number
  readonly started: number
  readonly turns: number
  /** A limit that processes tell differently. */
  readonly differs?: string
}

const show = script(showLua)
const tell = script(tellLua)
const perScan = 1_000
/** What a server says that has stood still for so long is of another time. */
const silenceMs = 3_000

/**
 * Every shared quota that this server keeps. Reads only. Not for a cluster: a node knows its own keys.
 *
 * @throws SluiceError `store-unreachable` when it has not answered for 3 s.
 * @example
 * ```ts no-run
 * for (const { name, limits } of await readQuotas(new Redis("redis://127.0.0.1:6379"))) console.log(name, limits)
 * ```
 */
export async function readQuotas(redis: IoredisLike | NodeRedisLike): Promise<SharedQuotaState[]> {
  return withStore(redis, statesOf)
}

/**
 * Sets limits of one quota for all who share it, in place of what they were told, until it is set anew; 0 takes that back. The vendor's own
 * word still counts where it is lower.
 *
 * @throws SluiceError `invalid-option` when there is no such quota, or no such limit in it.
 * @example
 * ```ts no-run
 * await setSharedLimits(new Redis("redis://127.0.0.1:6379"), "openai/gpt-4o", { requestsPerMinute: 500 })
 * ```
 */
export async function setSharedLimits(
  redis: IoredisLike | NodeRedisLike,
  quota: string,
  limits: Readonly<Record<string, number>>,
): Promise<void> {
  await withStore(redis, (store) => setLimits(store, quota, limits))
}

async function setLimits(store: Store, quota: string, limits: Readonly<Record<string, number>>): Promise<void> {
  const states = await statesOf(store)
  const named = states.filter(({ tag, name }) => tag === quota || name === quota)
  const [state] = named
  if (!state || named.length > 1) {
    const what = state
      ? `${named.length} quotas are called "${quota}"; name one by its tag`
      : `no quota is called "${quota}"`
    const there = states.map(({ tag, name }) => `${name} (${tag})`).join(", ") || "none"
    throw new SluiceError("invalid-option", `setSharedLimits: ${what}. There are: ${there}.`, { details: { quota } })
  }
  for (const [name, limit] of Object.entries(limits)) {
    if (
      Number.isFinite(limit) &&
      limit >= 0 &&
      (name === "concurrency" || state.limits.some((each) => each.name === name))
    )
      continue
    const known = [...state.limits.map((each) => each.name), "concurrency"].join(", ")
    const message = `setSharedLimits: ${name} must be one of ${known}, with a number from 0 up (got ${limit}).`
    throw new SluiceError("invalid-option", message, { details: { path: name, got: limit } })
  }
  const { keys, bus } = keysOf(state.tag)
  await store.run(tell, keys.slice(0, 1), [JSON.stringify({ set: limits }), "0", bus])
}

async function statesOf(store: Store): Promise<SharedQuotaState[]> {
  return statesOfTags(store, await tagsOf(store))
}

/** Of those that are named, each read for itself: in a cluster too. */
export async function statesOfTags(store: Store, tags: Iterable<string>): Promise<SharedQuotaState[]> {
  const found: SharedQuotaState[] = []
  for (const tag of tags) {
    const text = (await store.run(show, keysOf(tag).keys, ["", "0"])) as string
    const state = JSON.parse(text) as Omit<SharedQuotaState, "tag" | "waiting">
    if (!state.name) continue
    const members = listOf(state.members)
    found.push({ tag, ...state, limits: listOf(state.limits), members, waiting: waitingOf(members) })
  }
  return found.toSorted((a, b) => a.name.localeCompare(b.name))
}

function waitingOf(members: SharedQuotaState["members"]): SharedQuotaState["waiting"] {
  const reasons = new Map<string, number>()
  for (const { waiting, waitsFor = "a time to start at" } of members)
    if (waiting > 0) reasons.set(waitsFor, (reasons.get(waitsFor) ?? 0) + waiting)
  return [...reasons].map(([reason, calls]) => ({ reason, calls })).toSorted((a, b) => b.calls - a.calls)
}

async function tagsOf(store: Store): Promise<Set<string>> {
  const tags = new Set<string>()
  let cursor = "0"
  do {
    const answer = await store.command("SCAN", cursor, "MATCH", everyQuota, "COUNT", perScan)
    const [next, keys] = answer as [string, string[]]
    cursor = next
    for (const key of keys) tags.add(/^[^{]*\{(.*)\}/.exec(key)![1]!)
  } while (cursor !== "0")
  return tags
}

async function withStore<T>(redis: IoredisLike | NodeRedisLike, use: (store: Store) => Promise<T>): Promise<T> {
  const store = storeOf(redis)
  const ready = store.isReady ? Promise.resolve() : new Promise<void>((resolve) => store.onReady(resolve))
  try {
    return await unlessSilent(ready.then(() => use(store)))
  } finally {
    await store.close()
  }
}

/** Whoever asks is told of a server that says nothing. */
export function unlessSilent<T>(answer: Promise<T>): Promise<T> {
  const late = (): Error => new SluiceError("store-unreachable", `Redis has not answered for ${silenceMs / 1_000} s.`)
  return unlessLate(systemClock, silenceMs, answer, late)
}
