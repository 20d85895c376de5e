import type { Asks, LimitSet } from "../limits/limit-set.ts"
import { exponential, luckOf, seededRandom } from "../clock/seeded-random.ts"
import type { CoTenantOptions } from "./options.ts"

interface Tenant {
  readonly asks: Asks
  readonly burst: number
  readonly toMs: number
  readonly draw: () => number
  nextMs: number
}

/** Other customers of the same quota. Same seed, same arrivals. */
export class CoTenants {
  /** Calls so far. */
  served = 0
  readonly #tenants: readonly Tenant[]

  constructor(options: readonly CoTenantOptions[], seed: number) {
    this.#tenants = options.map((tenant, index) => {
      const random = seededRandom(luckOf(seed, "co-tenant", index) * 2 ** 32)
      const {
        tokensPerCall: input = 0,
        outputTokensPerCall: output = 0,
        fromMs = 0,
        toMs = Infinity,
        burst = 1,
      } = tenant
      const draw = (): number => exponential(random, (60_000 * burst) / tenant.requestsPerMinute)
      const both = (amount: number): { needs: number; takes: number } => ({ needs: amount, takes: amount })
      const asks: Asks = {
        requests: both(1),
        requestsPerDay: both(1),
        tokens: both(input + output),
        tokensPerDay: both(input + output),
        inputTokens: both(input),
        outputTokens: both(output),
      }
      return { asks, burst, toMs, draw, nextMs: fromMs + draw() }
    })
  }

  /** When the next arrives. */
  get nextMs(): number {
    return this.#next()?.nextMs ?? Infinity
  }

  /** Serves the next one, at its time. */
  serve(limits: LimitSet): void {
    const tenant = this.#next()
    if (!tenant) return
    const atMs = tenant.nextMs
    for (let call = 0; call < tenant.burst; call++) limits.take(atMs, tenant.asks)
    this.served += tenant.burst
    tenant.nextMs += tenant.draw()
    if (tenant.nextMs >= tenant.toMs) tenant.nextMs = Infinity
  }

  #next(): Tenant | undefined {
    let next: Tenant | undefined
    for (const tenant of this.#tenants) if (!next || tenant.nextMs < next.nextMs) next = tenant
    return next
  }
}
