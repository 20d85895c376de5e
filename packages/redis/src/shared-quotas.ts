// Declared for who compiles against this: no `lib` of a target has it yet.
/// <reference lib="esnext.disposable" preserve="true" />
import { randomUUID } from "node:crypto"
import { type Clock, SluiceError } from "@sluice/core"
import { anything, checkOptions, clock as clockCheck, fields, needed, show, text } from "@sluice/core/internal"
import { createQuota, type Quota, quotaOn, type QuotaOptions, systemClock } from "@sluice/scheduler"
import { idleClock } from "@sluice/scheduler/internal"
import type { Offline } from "./absence.ts"
import type { IoredisLike } from "./store/ioredis-store.ts"
import { evictionOf } from "./store/eviction.ts"
import { LedgerEvents } from "./ledger-events.ts"
import { Learner } from "./learner.ts"
import type { NodeRedisLike } from "./store/node-redis-store.ts"
import { type SharedQuotaState, statesOfTags, unlessSilent } from "./read-quotas.ts"
import { ServerNews } from "./store/server-news.ts"
import { quotaKeys } from "./store/quota-keys.ts"
import { SharedLedger } from "./shared-ledger.ts"
import { storeOf } from "./store/store-of.ts"
import { beforeExit } from "./store/before-exit.ts"

export interface SharedQuotasOptions {
  /** A client of `ioredis` (Redis or Cluster) or of `redis` (node-redis). Two connections like it are made and closed here; itself is left alone. */
  readonly redis: IoredisLike | NodeRedisLike
  /**
   * What a process does that cannot reach Redis for longer than 3 s. `"share"` (default): goes on for 15 s with the share of every limit
   * that it was last told, which the others leave alone for as long · `"wait"`: sends nothing · `"fail"`: calls reject with `store-unreachable`.
   */
  readonly whenUnreachable?: "share" | "wait" | "fail" | { readonly share?: number; readonly forMs?: number }
  /** Makes what names a quota in Redis an HMAC. Every process needs the same. */
  readonly secret?: string
  readonly clock?: Clock
}

/** Which account and model a quota is of, by names that are the same in every process. */
export interface SharedIdentity {
  readonly vendor: string
  /** Names the account, and is no credential. */
  readonly account: string
  readonly model: string
}

/** Makes quotas whose amounts are kept in Redis: `limitedFetch({ quota: sharedQuotas({ redis }) })`. */
export interface SharedQuotas extends AsyncDisposable {
  (options: QuotaOptions & { readonly name: string }, identity?: SharedIdentity): Quota
  /** A quota by name, for batches and other callers: all processes that name it share it. The same object for the same name. */
  quota(name: string, options?: QuotaOptions): Quota
  /** What is kept of the quotas that this process shares: who else does, what each holds and waits for, limits, the gate. Rejects with `store-unreachable` after 3 s without an answer. */
  read(this: void): Promise<SharedQuotaState[]>
  /** Gives back what this process holds and leaves. Calls that still run end as they like. */
  close(): Promise<void>
}

/** Who starts anew after a death costs the others its share for so long. */
const defaultForMs = 15_000

/**
 * Quotas that all processes share which use the same Redis (6.2 or later, or Valkey 7.2 or later): limits that were told, stated or found, the gate, places,
 * dollars and totals of a day.
 *
 * Guarantees: no process starts a call that was not taken from the shared amounts first; first in, first out across processes, with equal
 * shares of rates and places for those that ask; one refusal closes the gate for all; the places of a process that dies come back within
 * 3 s. No key, prompt, header or URL is in Redis.
 *
 * @throws SluiceError `invalid-option`
 * @example
 * ```ts no-run
 * const shared = sharedQuotas({ redis: new Redis("redis://127.0.0.1:6379") })
 * const quota = shared.quota("nightly", { requestsPerMinute: 3000 })
 * const permit = await quota.admit()
 * permit.settle({ outcome: "success" })
 * await shared.close()
 * ```
 */
export function sharedQuotas(options: SharedQuotasOptions): SharedQuotas {
  checkOptions("sharedQuotas", options, { redis: anything, whenUnreachable: anything, secret: text, clock: clockCheck })
  const { secret, clock = systemClock } = options
  const offline = offlineOf(options.whenUnreachable ?? "share")
  const store = storeOf(options.redis)
  const { promise: evicts, resolve } = Promise.withResolvers<string | undefined>()
  // Who may not ask is told nothing.
  store.onReady(() => void evictionOf(store).then(resolve, () => {}))
  const named = new Map<string, Quota>()
  const ledgers = new Set<SharedLedger>()
  const tags = new Set<string>()
  const news = new ServerNews()
  const make = (identity: string, name: string, quota: QuotaOptions): Quota => {
    // Half a letter is none to Redis: it would take no turn that has one.
    const label = name.toWellFormed()
    // Says what is wrong with them.
    createQuota(quota)
    const keys = quotaKeys(identity, secret)
    tags.add(keys.tag)
    const trouble = (): string | undefined => store.trouble
    const own = quota.clock ?? clock
    const events = new LedgerEvents(quota.name ?? label, quota.onEvent, own, trouble, news)
    void evicts.then((policy) => policy !== undefined && events.evicts(policy))
    const ledger = new SharedLedger(quota, {
      events,
      store,
      keys,
      label,
      member: randomUUID().slice(0, 13),
      newName: () => randomUUID(),
      offline,
      // Who waits keeps the process; what is told of it does not.
      clock: own === systemClock ? idleClock : own,
      learner: new Learner(quota, { store, keys }),
    })
    ledgers.add(ledger)
    return quotaOn(ledger, quota)
  }
  const stay = beforeExit(() => {
    for (const ledger of ledgers) void ledger.rest()
  })
  const close = async (): Promise<void> => {
    stay()
    await Promise.all([...ledgers].map((ledger) => ledger.close()))
    await store.close()
  }
  const create = (quota: QuotaOptions & { readonly name: string }, identity?: SharedIdentity): Quota => {
    if (!identity) return make(quota.name, quota.name, quota)
    checkOptions("sharedQuotas", identity, { vendor: needed(text), account: needed(text), model: needed(text) })
    const { vendor, account, model } = identity
    return make(JSON.stringify([vendor, account, model]), `${vendor}/${model}`, quota)
  }
  return Object.assign(create, {
    quota(name: string, quota: QuotaOptions = {}) {
      const known = named.get(name)
      if (known) return known
      const made = make(name, name, { name, ...quota })
      named.set(name, made)
      return made
    },
    read: () => unlessSilent(statesOfTags(store, tags)),
    close,
    [Symbol.asyncDispose]: close,
  })
}

function offlineOf(when: NonNullable<SharedQuotasOptions["whenUnreachable"]>): Offline {
  if (when === "wait" || when === "fail") return { does: when, forMs: 0, share: 0 }
  if (when !== "share")
    checkOptions(
      "sharedQuotas",
      { whenUnreachable: when },
      { whenUnreachable: fields({ share: anything, forMs: anything }) },
    )
  const { share = 1, forMs = defaultForMs } = when === "share" ? {} : when
  if (!(share >= 0 && share <= 1)) throw wrong("whenUnreachable.share", "a number from 0 to 1", share)
  if (!(forMs >= 0 && forMs <= 3_600_000)) throw wrong("whenUnreachable.forMs", "milliseconds, at most an hour", forMs)
  return { does: "share", forMs, share }
}

function wrong(path: string, wanted: string, got: unknown): SluiceError {
  return new SluiceError("invalid-option", `sharedQuotas: ${path} must be ${wanted}, got ${show(got)}.`, {
    details: { path, got },
  })
}
