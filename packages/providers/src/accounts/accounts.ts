import { type Clock, type Limiter, SluiceError } from "@sluice/core"
import {
  type Quota,
  type QuotaLimits,
  type QuotaOptions,
  type QuotaSnapshot,
  systemClock,
  type WaitExplanation,
} from "@sluice/scheduler"
import { ownQuota } from "@sluice/scheduler/internal"
import { Account } from "./account.ts"
import { bestPattern } from "./model-pattern.ts"
import { LearnedTokens } from "./token-estimate.ts"

/** A quota that nobody has used for so long is forgotten, when nothing of it is lost by that. */
const idleMs = 3_600_000
/** Beyond so many, those that were used longest ago are forgotten at once, on the same condition. */
const mostQuotas = 1000
/** What was learned of a model's tokens is small, and lives longer than its quota. */
const mostLearned = 5000
const day = 86_400_000

interface Made {
  readonly quota: Quota
  readonly account: Account
  usedMs: number
}

/** What a quota is made of, told for which account and model. */
export type NamedQuota = QuotaOptions & { readonly name: string }

/** Which account and model a quota is of, by names that are the same in every process. */
export interface QuotaIdentity {
  readonly vendor: string
  /** Tells accounts apart, and is no credential. */
  readonly account: string
  readonly model: string
}

/** Why a call waits, and in which quota. */
export interface QuotaWait extends WaitExplanation {
  readonly quota: string
}

/** Which quota a call belongs to: one per vendor, account and model pattern, made at its first call. */
export class Accounts {
  readonly #limits: Readonly<Record<string, QuotaOptions>>
  readonly #patterns: readonly string[]
  readonly #shared: QuotaOptions
  readonly #given: Limiter | undefined
  readonly #make: (options: NamedQuota, identity: QuotaIdentity) => Quota
  readonly #clock: Clock
  readonly #accounts = new Map<string, Account>()
  /** In the order of last use. */
  readonly #quotas = new Map<Limiter, Made>()
  readonly #learned = new Map<string, LearnedTokens>()
  #closed = false
  /** What was told since they were made. */
  #updated: QuotaLimits = {}

  /**
   * `shared`: clock, randomness and events of every quota here. `given`: the limiter of all calls, or what makes the quotas.
   */
  constructor(
    limits: Readonly<Record<string, QuotaOptions>>,
    shared: QuotaOptions,
    given: Limiter | ((options: NamedQuota, identity: QuotaIdentity) => Quota),
  ) {
    this.#limits = limits
    this.#patterns = Object.keys(limits)
    this.#shared = shared
    this.#given = typeof given === "function" ? undefined : given
    this.#make = typeof given === "function" ? given : ownQuota
    this.#clock = shared.clock ?? systemClock
  }

  /** `identity`: its name for other processes, where that is not its label. */
  account(vendor: string, label: string, identity: () => string = () => label): Account {
    const id = `${vendor}/${label}`
    let account = this.#accounts.get(id)
    if (!account) {
      account = new Account(vendor, id, identity(), (model) => this.#learnedOf(`${id}/${model}`))
      this.#accounts.set(id, account)
    }
    return account
  }

  quota(account: Account, model: string): Limiter {
    if (this.#given) return this.#given
    const known = account.quotas.get(model)
    if (known) return this.#used(known)
    const pattern = bestPattern(this.#patterns, model)
    const quota = account.quotas.get(pattern ?? model) ?? this.#create(account, pattern ?? model)
    account.quotas.set(pattern ?? model, quota)
    // Kept under the model too: the pattern is looked for once.
    if (account.quotas.size < mostQuotas) account.quotas.set(model, quota)
    return this.#used(quota)
  }

  /** Whether the calls of this model have a limit in dollars. */
  hasBudget(model: string): boolean {
    return { ...this.#limits[bestPattern(this.#patterns, model) ?? model], ...this.#updated }.budgetUsd !== undefined
  }

  #used(quota: Limiter): Limiter {
    const made = this.#quotas.get(quota)
    if (made) {
      made.usedMs = this.#clock.now()
      this.#quotas.delete(quota)
      this.#quotas.set(quota, made)
    }
    this.#forgetIdle()
    return quota
  }

  #forgetIdle(): void {
    const nowMs = this.#clock.now()
    let kept = 0
    for (const made of this.#quotas.values()) {
      if (this.#quotas.size <= mostQuotas && nowMs - made.usedMs < idleMs) return
      if (isAtRest(made)) this.#forget(made)
      // One that must be kept comes up again when all others were looked at.
      else {
        made.usedMs = nowMs
        if (++kept === 10) return
      }
    }
  }

  #forget({ quota, account }: Made): void {
    this.#quotas.delete(quota)
    account.forget(quota)
    if (account.quotas.size === 0 && account.sending === 0) this.#accounts.delete(account.label)
  }

  #learnedOf(id: string): LearnedTokens {
    const found = this.#learned.get(id) ?? new LearnedTokens()
    this.#learned.delete(id)
    this.#learned.set(id, found)
    if (this.#learned.size > mostLearned) this.#learned.delete(this.#learned.keys().next().value!)
    return found
  }

  #create(account: Account, scope: string): Limiter {
    if (this.#closed) throw new SluiceError("limiter-closed", "limitedFetch is closed. Make a new one.")
    const options = { ...this.#shared, ...this.#limits[scope], name: `${account.label}/${scope}` }
    const quota = this.#make(options, { vendor: account.vendor, account: account.identity, model: scope })
    if (Object.keys(this.#updated).length > 0) quota.retune(this.#updated)
    this.#quotas.set(quota, { quota, account, usedMs: this.#clock.now() })
    return quota
  }

  /** How the quota of this model does, if it was made already and is ours. */
  stateOf(account: Account, model: string): QuotaSnapshot | undefined {
    const quota = account.quotas.get(model) ?? account.quotas.get(bestPattern(this.#patterns, model) ?? model)
    return quota && "snapshot" in quota ? (quota as Quota).snapshot() : undefined
  }

  snapshot(): QuotaSnapshot[] {
    return Array.from(this.#quotas.values(), ({ quota }) => quota.snapshot())
  }

  /** Why calls wait, the first `count` of them. */
  explain(count: number): QuotaWait[] {
    const waits: QuotaWait[] = []
    for (const { quota } of this.#quotas.values()) {
      if (waits.length === count) break
      for (const wait of quota.explain(count - waits.length)) waits.push({ quota: quota.name, ...wait })
    }
    return waits
  }

  /** New numbers for every quota, of now and later. All are tried on one that nobody uses first: none changes when one is wrong. */
  update(limits: QuotaLimits): void {
    if (this.#given) {
      const message = "limitedFetch.update: its limiter is one of yours (option quota): change that one."
      throw new SluiceError("invalid-option", message)
    }
    for (const told of [...Object.values(this.#limits), {}]) ownQuota({ ...told, clock: this.#clock }).retune(limits)
    this.#updated = { ...this.#updated, ...limits }
    for (const { quota } of this.#quotas.values()) quota.retune(limits)
  }

  /** Forgets every refusal: the next calls of those accounts are sent again. */
  reopen(): void {
    for (const account of this.#accounts.values()) account.forgetRefusals()
    for (const { quota } of this.#quotas.values()) quota.retune({})
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(Array.from(this.#quotas.values(), ({ quota }) => quota.close({ reject: true })))
  }
}

/** Nothing runs or waits, and all that was taken has come back: a new quota would know no less. */
function isAtRest({ quota, account }: Made): boolean {
  const { inFlight, waiting, gate, limits } = quota.snapshot()
  if (inFlight > 0 || waiting > 0 || account.sending > 0 || gate.state === "closed") return false
  return limits.every(({ dimension, windowMs = 0, level, limit }) =>
    dimension === "usd" || windowMs >= day ? level >= limit : level >= limit * fullShare,
  )
}

/** A bucket is never quite full: what the network may bunch up is kept back. */
const fullShare = 0.9
