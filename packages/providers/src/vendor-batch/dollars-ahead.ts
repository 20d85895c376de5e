import { countInScope, type Limiter, SluiceError, type TaskScope } from "@sluice/core"
import type { Accounts } from "../accounts/accounts.ts"
import type { PreparedCall } from "../call/prepared-call.ts"
import { waitInLine } from "../http/wait-in-line.ts"
import { usdAtMost } from "../accounts/accounting.ts"

/** The dollars of one quota that batches hold. */
interface Till {
  /** Batched calls whose price is not known yet. */
  open: number
  readonly waiting: Set<() => void>
}

/** What batched calls take from the dollars of their quotas before anybody knows what they cost. */
export class DollarsAhead {
  readonly #accounts: Accounts
  readonly #tills = new Map<Limiter, Till>()

  constructor(accounts: Accounts) {
    this.#accounts = accounts
  }

  /**
   * Takes the most that a batched call can cost from the dollars of its quota, where those are limited, and nothing else:
   * the vendor's rates do not count it. Returns what puts that right when the dollars are known. While calls before it may
   * turn out cheaper than they were taken for, a call that the budget has no room for waits for them.
   *
   * @throws SluiceError `budget-exhausted`, `cost-exceeds-limit`
   */
  async pay(prepared: PreparedCall, scope: TaskScope | undefined, priceShare: number): Promise<(usd: number) => void> {
    const { account, facts, quota } = prepared
    const isLimited = this.#accounts.stateOf(account, facts.model)?.limits.some(({ dimension }) => dimension === "usd")
    const ahead = (usdAtMost(prepared) ?? 0) * priceShare
    if (ahead === 0 || !isLimited) return () => {}
    let till = this.#tills.get(quota)
    if (!till) this.#tills.set(quota, (till = { open: 0, waiting: new Set() }))
    await take(ahead, prepared, till, scope)
    return (usd) => {
      quota
        .tryAdmit({ requests: 0 }, { place: false })
        ?.settle({ outcome: "ignored", actual: { requests: 0, usd: usd - ahead } })
      till.open--
      wakeNext(till)
      // Nothing more comes back: whoever still waits learns that the budget is spent.
      if (till.open === 0) for (const wake of till.waiting) wake()
    }
  }
}

async function take(
  usd: number,
  { quota, admitOptions }: PreparedCall,
  till: Till,
  scope: TaskScope | undefined,
): Promise<void> {
  for (;;) {
    try {
      // The call runs at the vendor, and holds no place here.
      const permit = await quota.admit({ requests: 0, usd }, { ...admitOptions, place: false })
      permit.settle({ outcome: "ignored", actual: { requests: 0, usd } })
      till.open++
      wakeNext(till)
      return
    } catch (error) {
      const isSpent = SluiceError.isInstance(error) && error.code === "budget-exhausted"
      if (!isSpent || till.open === 0) throw error
    }
    countInScope(scope, "waiting", 1)
    try {
      await waitInLine(till.waiting, admitOptions.signal)
    } finally {
      countInScope(scope, "waiting", -1)
    }
  }
}

/** One at a time: each wakes the next when there was enough for it. */
function wakeNext({ waiting }: Till): void {
  for (const wake of waiting) return wake()
}
