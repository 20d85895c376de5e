import { type Limiter, SluiceError } from "@sluice/core"
import { createQuota, type Quota, type QuotaOptions, type QuotaSnapshot } from "@sluice/scheduler"
import { Account } from "./account.ts"
import { bestPattern } from "./model-pattern.ts"

/** What a quota is made of, told for which account and model. */
export type NamedQuota = QuotaOptions & { readonly name: string }

/** Which quota a call belongs to: one per vendor, account and model pattern, made at its first call. */
export class Accounts {
  readonly #limits: Readonly<Record<string, QuotaOptions>>
  readonly #patterns: readonly string[]
  readonly #shared: QuotaOptions
  readonly #given: Limiter | undefined
  readonly #make: (options: NamedQuota) => Quota
  readonly #accounts = new Map<string, Account>()
  readonly #quotas: Quota[] = []
  #closed = false

  /**
   * `shared`: clock, randomness and events of every quota here. `given`: the limiter of all calls, or what makes the quotas in place of
   * `createQuota`.
   */
  constructor(
    limits: Readonly<Record<string, QuotaOptions>>,
    shared: QuotaOptions,
    given: Limiter | ((options: NamedQuota) => Quota) = createQuota,
  ) {
    this.#limits = limits
    this.#patterns = Object.keys(limits)
    this.#shared = shared
    this.#given = typeof given === "function" ? undefined : given
    this.#make = typeof given === "function" ? given : createQuota
  }

  account(vendor: string, label: string): Account {
    const id = `${vendor}/${label}`
    let account = this.#accounts.get(id)
    if (!account) this.#accounts.set(id, (account = new Account(id)))
    return account
  }

  quota(account: Account, model: string): Limiter {
    if (this.#given) return this.#given
    const known = account.quotas.get(model)
    if (known) return known
    const pattern = bestPattern(this.#patterns, model)
    const quota = account.quotas.get(pattern ?? model) ?? this.#create(account, pattern ?? model)
    account.quotas.set(pattern ?? model, quota)
    // Kept under the model too: the pattern is looked for once.
    account.quotas.set(model, quota)
    return quota
  }

  #create(account: Account, scope: string): Limiter {
    if (this.#closed) throw new SluiceError("limiter-closed", "limitedFetch is closed. Make a new one.")
    const quota = this.#make({ ...this.#shared, ...this.#limits[scope], name: `${account.label}/${scope}` })
    this.#quotas.push(quota)
    return quota
  }

  /** How the quota of this model does, if it was made already and is ours. */
  stateOf(account: Account, model: string): QuotaSnapshot | undefined {
    const quota = account.quotas.get(model) ?? account.quotas.get(bestPattern(this.#patterns, model) ?? model)
    return quota && "snapshot" in quota ? (quota as Quota).snapshot() : undefined
  }

  snapshot(): QuotaSnapshot[] {
    return this.#quotas.map((quota) => quota.snapshot())
  }

  /** Forgets every refusal: the next calls of those accounts are sent again. */
  reopen(): void {
    for (const account of this.#accounts.values()) account.forgetRefusals()
    for (const quota of this.#quotas) quota.retune({})
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#quotas.map((quota) => quota.close({ reject: true })))
  }
}
