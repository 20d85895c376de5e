import type { LimitKind, LimitOptions } from "../limits/limit-model.ts"
import { luckOf, seededRandom } from "../clock/seeded-random.ts"
import type { CoTenantOptions, VendorLimits, VendorOptions } from "../vendor/options.ts"
import type { ScenarioOptions } from "./run-scenario.ts"
import type { Scenario, Size, ToldQuota } from "./scenario.ts"

export interface RandomScenario {
  readonly scenario: Scenario
  /** What of the quota the client is told: all of it, its requests alone, three times too much, or nothing. */
  readonly told: "right" | "requests" | "threefold" | "nothing"
  /** How the vendor counts. */
  readonly counts: "full" | "shallow" | "tiny" | Exclude<LimitKind, "bucket">
  readonly network: Required<Pick<ScenarioOptions, "networkMs" | "networkJitterMs">>
}

/** The most that one call may ask of a limit: input and output at their largest. */
const largestCall = 36_000

/**
 * A vendor and a workload drawn at random, to meet what nobody thought of. Same seed, same scenario.
 *
 * Drawn are: how it counts (a full, shallow or tiny bucket, slices of a second, sliding or fixed minutes), 40–4,000 requests a
 * minute and tokens to match, whether `max_tokens` is charged, headers, delays that refusals name, slots, faults, co-tenants,
 * sizes, latency, the network, and what the client is told.
 *
 * @example
 * ```ts
 * const { scenario, network } = randomScenario(7)
 * const ours = limiterContestant(({ told, clock, random }) => createQuota({ ...told, clock, random }))
 * const { ratio, refusedRatio } = await runScenario(scenario, ours, { seed: 7, ...network })
 * ```
 */
export function randomScenario(seed: number): RandomScenario {
  const random = seededRandom(luckOf(seed, "scenario") * 2 ** 32)
  const chance = (share: number): boolean => random.next() < share
  const between = (least: number, most: number): number => least * (most / least) ** random.next()
  function pick<T>(...choices: readonly T[]): T {
    return choices[Math.floor(random.next() * choices.length)] as T
  }
  const size = (median: number, max: number): Size & object => ({
    median: Math.round(median),
    sigma: pick(0.2, 0.6, 1),
    max,
  })
  const meanOf = ({ median, sigma }: Size & object): number => median * Math.exp(sigma ** 2 / 2)

  const counts = pick("full", "full", "shallow", "tiny", "slices", "sliding", "fixed")
  const limited = (perMinute: number): LimitOptions => {
    const limit = Math.round(perMinute)
    if (counts === "full") return { limit }
    if (counts === "shallow" || counts === "tiny") {
      return { limit, burst: Math.max(1, Math.round(limit / (counts === "tiny" ? 60 : 6))) }
    }
    return { limit, model: counts }
  }
  // A call has to fit into what stands ready.
  const fewestTokens = { full: 1, shallow: 6, tiny: 60, slices: 60, sliding: 1, fixed: 1 }[counts] * largestCall
  const tokensFor = (calls: number, perCall: number): LimitOptions => limited(Math.max(calls * perCall, fewestTokens))

  const requestsPerMinute = between(40, 4_000)
  const input = size(between(100, 4_000), 30_000)
  const output = size(between(30, 600), 4_000)
  const bound = pick("requests", "requests", "tokens", "input", "both")
  // Tokens that are charged only as they come would let whoever knows everything run into debt.
  const charges = bound === "tokens" || bound === "both"
  const maxTokens = Math.round(output.median * pick(2, 5, 10))
  const perCall = { tokens: meanOf(input) + maxTokens, inputTokens: meanOf(input) }
  const tightness = between(0.3, 3)
  const limits = {
    ...(bound !== "tokens" && { requests: limited(requestsPerMinute) }),
    ...(charges && { tokens: tokensFor(requestsPerMinute * tightness, perCall.tokens) }),
    ...(bound === "input" && { inputTokens: tokensFor(requestsPerMinute * tightness, perCall.inputTokens) }),
  } satisfies VendorLimits
  const callsPerMinute = Math.min(
    limits.requests?.limit ?? Infinity,
    (limits.tokens?.limit ?? Infinity) / perCall.tokens,
    (limits.inputTokens?.limit ?? Infinity) / perCall.inputTokens,
  )
  const share = pick(0.2, 0.4)
  const coTenant: CoTenantOptions = {
    requestsPerMinute: Math.max(1, callsPerMinute * share),
    tokensPerCall: Math.round(meanOf(input)),
    outputTokensPerCall: Math.round(meanOf(output)),
    fromMs: pick(0, 20_000),
  }
  const vendor: VendorOptions = {
    limits: {
      ...limits,
      ...(chance(0.15) && { concurrency: { limit: Math.round(between(4, 100)), status: pick(429, 503, 529) } }),
    },
    latency: {
      baseMs: Math.round(between(80, 3_000)),
      perOutputTokenMs: between(1, 25),
      heavyTail: pick(0, 0.3, 0.6),
    },
    headers: pick("openai", "openai", "anthropic", "none", "none", "rounded", chance(0.3) ? "wrong" : "openai"),
    retryAfter: pick("exact", "seconds", "none"),
    chargeRefused: chance(0.2),
    chargeMaxTokens: charges,
    ...(chance(0.12) && { faults: { rates: { error500: 0.01, reset: 0.01, error503: 0.01 } } }),
    // Where nothing stands ready, whoever insists leaves no room at all.
    ...(chance(0.1) && counts !== "tiny" && { coTenants: [coTenant] }),
  }

  const told = pick("right", "right", "right", "nothing", "nothing", "threefold", "requests")
  return {
    scenario: {
      name: `random-${seed}`,
      title: `drawn at random: ${counts}, ${bound} bind, told ${told}`,
      calls: {
        count: Math.min(3_000, Math.max(60, Math.round(callsPerMinute * between(1.5, 6)))),
        inputTokens: input,
        outputTokens: output,
        ...(charges && { maxTokens }),
      },
      vendor,
      told: toldOf(limits, told, chance(0.5)),
    },
    told,
    counts,
    network: { networkMs: Math.round(between(2, 80)), networkJitterMs: pick(0, 0, 10, 40) },
  }
}

type ScenarioLimits = Partial<Readonly<Record<"requests" | "tokens" | "inputTokens", LimitOptions>>>

/** In the words of a quota's options; `exactly` says how it is counted, too. */
function toldOf(limits: ScenarioLimits, told: RandomScenario["told"], exactly: boolean): ToldQuota {
  if (told === "nothing") return {}
  const names = told === "requests" ? (["requests"] as const) : (["requests", "tokens", "inputTokens"] as const)
  const rates = names.flatMap((name) => {
    const given = limits[name]
    if (!given) return []
    const limit = told === "threefold" ? given.limit * 3 : given.limit
    return [[`${name}PerMinute`, told === "right" && exactly ? rateOf(given) : limit]]
  })
  return Object.fromEntries(rates) as ToldQuota
}

function rateOf({ limit, model = "bucket", burst }: LimitOptions): ToldQuota["requestsPerMinute"] {
  if (model === "sliding") return { limit, kind: "sliding" }
  if (model === "fixed") return { limit, kind: "fixed", resetAt: 0 }
  // A second's worth is all that slices of unknown phase allow.
  const depth = model === "slices" ? Math.max(1, limit / 60) : burst
  return { limit, kind: "bucket", ...(depth !== undefined && { burst: depth }) }
}
