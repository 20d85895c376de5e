import type { LimitKind, LimitOptions } from "../limits/limit-model.ts"
import type { Size, ToldQuota, ToldRate } from "../scenarios/scenario.ts"
import { luckOf, seededRandom } from "../clock/seeded-random.ts"
import type { FaultOptions } from "../vendor/faults.ts"
import type { VendorLimits, VendorOptions } from "../vendor/options.ts"
import type { SimulateOptions } from "./simulate.ts"
import { trafficShapeNames, type TrafficShapeName, trafficShapeOf } from "./traffic-shapes.ts"
import type { TrafficShape } from "./traffic-shape.ts"
import type { WireStyle } from "./wire-style.ts"

export type ToldKind = "nothing" | "right" | "high" | "low" | "requests" | "wrongKind" | "concurrency"

export interface RandomTraffic {
  readonly shape: TrafficShape
  readonly vendor: VendorOptions
  readonly options: Pick<SimulateOptions, "seed" | "told" | "wire" | "networkMs" | "networkJitterMs" | "timeoutMs">
  /** What the vendor's limits allow, on average. */
  readonly callsPerMinute: number
  /** The same, less what neighbours take, and no more than the user's own numbers and the places that there are allow. */
  readonly admittedPerMinute: number
  readonly kinds: {
    readonly shape: TrafficShapeName
    readonly told: ToldKind
    /** How the vendor counts. */
    readonly counts: "full" | "shallow" | "tiny" | Exclude<LimitKind, "bucket">
    /** What makes it rough: `faults`, `neighbour`, `bursty neighbour`, `change`, `outage`, `ramp`. Empty: a clean vendor. */
    readonly rough: readonly string[]
    readonly slots: boolean
    readonly wire: WireStyle
  }
}

/**
 * A workload in time, a vendor and what a client is told of it, drawn at random. Same seed, same draw.
 *
 * @example
 * ```ts
 * const { shape, vendor, options } = randomTraffic(7)
 * const { hungAtMs } = await simulate(shape, vendor, options)
 * hungAtMs // => undefined
 * ```
 */
export function randomTraffic(seed: number): RandomTraffic {
  const random = seededRandom(luckOf(seed, "traffic") * 2 ** 32)
  const chance = (share: number): boolean => random.next() < share
  const between = (least: number, most: number): number => least * (most / least) ** random.next()
  function pick<T>(...choices: readonly T[]): T {
    return choices[Math.floor(random.next() * choices.length)] as T
  }

  const shapeName = pick(...trafficShapeNames)
  const told = pick<ToldKind>(
    "nothing",
    "nothing",
    "right",
    "right",
    "high",
    "low",
    "requests",
    "wrongKind",
    "concurrency",
  )
  const counts = pick("full", "full", "shallow", "tiny", "slices", "sliding", "fixed")
  const wire = pick<WireStyle>("openai", "openai", "anthropic", "azure", "gemini", "bare")

  // Sizes.
  const sigma = shapeName === "sizes" ? 1 : pick(0.2, 0.5)
  const isLong = chance(0.15)
  const size = (median: number, max: number): Size & object => ({ median: Math.round(median), sigma, max })
  const input = size(between(100, 3_000), 30_000)
  const output = size(isLong ? between(600, 1_500) : between(20, 400), 4_000)
  const meanOf = ({ median, sigma: spread }: Size & object): number => median * Math.exp(spread ** 2 / 2)
  const charges = wire === "openai" ? pick<false | "larger">(false, "larger") : wire === "azure"
  const maxTokens = charges === false && chance(0.5) ? undefined : Math.round(output.median * pick(2, 4))

  // Limits.
  const requestsPerMinute = between(3, 3_000)
  const limited = (perMinute: number, largest: number): LimitOptions => {
    const standing = { full: 1, shallow: 1 / 6, tiny: 1 / 60, slices: 1 / 60, sliding: 1, fixed: 1 }[counts]
    // A call has to fit into what stands ready.
    const limit = Math.ceil(Math.max(perMinute, largest / standing))
    if (counts === "full") return { limit }
    if (counts === "shallow" || counts === "tiny") return { limit, burst: Math.max(1, Math.round(limit * standing)) }
    return { limit, model: counts, ...(counts === "fixed" ? { anchorMs: Math.round(random.next() * 60_000) } : {}) }
  }
  const reserved = charges === false ? meanOf(output) : (maxTokens ?? 0)
  const perCall = { tokens: meanOf(input) + reserved, input: meanOf(input), output: meanOf(output) }
  const tightness = between(0.3, 3)
  const binds =
    wire === "gemini"
      ? pick("requests", "input")
      : wire === "anthropic"
        ? pick("requests", "split")
        : pick("requests", "tokens", "both")
  const near = shapeName === "near-limit"
  const largestTokens = near ? perCall.tokens * 3 : 36_000
  const tokenRate = (each: number, largest: number): LimitOptions =>
    near ? limited(each * 3, each * 3) : limited(requestsPerMinute * tightness * each, largest)
  const limits = {
    ...(binds !== "tokens" && !(near && binds === "input") && { requests: limited(requestsPerMinute, 1) }),
    ...((binds === "tokens" || binds === "both") && { tokens: tokenRate(perCall.tokens, largestTokens) }),
    ...((binds === "input" || binds === "split") && { inputTokens: tokenRate(perCall.input, 30_000) }),
    ...(binds === "split" && { outputTokens: tokenRate(perCall.output, 4_000) }),
  } satisfies VendorLimits
  const callsPerMinute = Math.min(
    limits.requests?.limit ?? Infinity,
    (limits.tokens?.limit ?? Infinity) / perCall.tokens,
    (limits.inputTokens?.limit ?? Infinity) / perCall.input,
    (limits.outputTokens?.limit ?? Infinity) / perCall.output,
  )
  const isTight = counts === "tiny" || counts === "slices"
  const latency = {
    baseMs: Math.round(isLong ? between(1_000, 5_000) : between(50, 2_000)),
    perOutputTokenMs: isLong ? between(10, 25) : between(1, 12),
    heavyTail: pick(0, 0, 0.3, 0.6),
  }
  const slots = chance(0.15)
    ? { limit: Math.round(between(2, 60)), status: pick(429 as const, 503 as const, 529 as const) }
    : undefined

  // What makes it rough.
  const rough: string[] = []
  const has = (what: string, share: number): boolean => {
    const drawn = chance(share)
    if (drawn) rough.push(what)
    return drawn
  }
  const share = pick(0.2, 0.5)
  const faults: FaultOptions = {
    ...(has("faults", 0.1) && {
      rates: { error500: 0.02, reset: 0.01, error503: 0.02, ...(chance(0.3) && { hang: 0.005 }) },
    }),
    ...(has("outage", 0.08) && {
      schedule: [
        (({ fromMs, lastsMs, kind }) => ({ kind, fromMs, toMs: fromMs + lastsMs }))({
          kind: pick("error503" as const, "error529" as const, "outage" as const),
          fromMs: pick(0, 5_000, 20_000),
          lastsMs: between(3_000, 30_000),
        }),
      ],
    }),
  }
  const neighbour = (burst: number): NonNullable<VendorOptions["coTenants"]>[number] => ({
    requestsPerMinute: Math.max(0.5, callsPerMinute * share),
    tokensPerCall: Math.round(meanOf(input)),
    outputTokensPerCall: Math.round(meanOf(output)),
    ...(burst > 1 && { burst }),
    fromMs: pick(0, 20_000),
  })
  const coTenants = isTight
    ? []
    : has("neighbour", 0.08)
      ? [neighbour(1)]
      : callsPerMinute > 40 && has("bursty neighbour", 0.04)
        ? [neighbour(Math.min(20, Math.round(callsPerMinute / 6)))]
        : []
  const requests = limits.requests?.limit
  const factor = pick(0.5, 2)
  const schedule =
    requests !== undefined && requests > 10 && has("change", 0.06)
      ? [{ atMs: pick(10_000, 40_000), limits: { requests: Math.ceil(requests * factor) } }]
      : []
  const perDay = shapeName === "day-total" ? Math.round(between(20, 200)) : undefined
  const vendor: VendorOptions = {
    limits: {
      ...limits,
      ...(perDay !== undefined && { requestsPerDay: perDay }),
      ...(slots && { concurrency: slots }),
    },
    latency,
    chargeMaxTokens: charges,
    chargeRefused: chance(0.3),
    headers:
      wire === "openai" || wire === "azure"
        ? pick("openai", "openai", "openai", "rounded", "wrong", "none")
        : wire === "anthropic"
          ? pick("anthropic", "anthropic", "none")
          : "openai",
    retryAfter: pick("exact", "seconds", "none"),
    ...(has("ramp", 0.05) && {
      ramp: { growthPerMinute: 2, freePerMinute: Math.max(10, Math.round(callsPerMinute / 10)) },
    }),
    ...((faults.rates || faults.schedule) && { faults }),
    ...(coTenants.length > 0 && { coTenants }),
    ...(schedule.length > 0 && { schedule }),
  }

  const estimate = pick(1, 1, 1, 0.8, 1.25)
  const shape = trafficShapeOf(shapeName, {
    callsPerMinute: perDay === undefined ? callsPerMinute : Math.max(callsPerMinute, perDay),
    latencyMs: latency.baseMs + latency.perOutputTokenMs * meanOf(output),
    random,
    call: {
      inputTokens: near ? { ...input, sigma: 0.3, max: Math.round(perCall.input * 2) } : input,
      outputTokens: near ? { ...output, sigma: 0.3, max: Math.round(perCall.output * 2) } : output,
      ...(maxTokens !== undefined && { maxTokens }),
      ...(estimate !== 1 && { estimate }),
    },
  })
  const toldQuota = toldOf(limits, told, perDay, slots?.limit, pick)
  const callMs = (latency.baseMs + latency.perOutputTokenMs * meanOf(output)) * Math.exp(latency.heavyTail ** 2 / 2)
  const places = Math.min(slots?.limit ?? Infinity, toldQuota.concurrency ?? Infinity)
  return {
    shape,
    vendor,
    options: {
      seed,
      told: toldQuota,
      wire,
      networkMs: Math.round(between(2, 80)),
      networkJitterMs: pick(0, 0, 10, 30),
      timeoutMs: 60_000 + 4 * (latency.baseMs + latency.perOutputTokenMs * output.max),
    },
    callsPerMinute,
    admittedPerMinute: Math.min(
      callsPerMinute * (told === "low" ? 1 / 3 : 1) * (coTenants.length > 0 ? 1 - share : 1),
      (places * 60_000) / callMs,
    ),
    kinds: { shape: shapeName, told, counts, rough, slots: slots !== undefined, wire },
  }
}

type TrafficLimits = Partial<Readonly<Record<"requests" | "tokens" | "inputTokens" | "outputTokens", LimitOptions>>>
type Pick_ = <T>(...choices: readonly T[]) => T

/** In the words of a quota's options. */
function toldOf(
  limits: TrafficLimits,
  told: ToldKind,
  perDay: number | undefined,
  places: number | undefined,
  pick: Pick_,
): ToldQuota {
  if (told === "nothing") return {}
  if (told === "concurrency") return { concurrency: places ?? pick(2, 5, 10, 20, 40) }
  const exactly = pick(true, false)
  const rates = (["requests", "tokens", "inputTokens", "outputTokens"] as const).flatMap((name) => {
    const given = limits[name]
    if (!given || (told === "requests" && name !== "requests")) return []
    return [[`${name}PerMinute`, rateOf(given, told, exactly, pick)] as const]
  })
  return {
    ...Object.fromEntries(rates),
    ...(perDay !== undefined && told === "right" && { requestsPerDay: perDay }),
    ...(places !== undefined && told === "right" && exactly && { concurrency: places }),
  }
}

function rateOf(given: LimitOptions, told: ToldKind, exactly: boolean, pick: Pick_): number | ToldRate {
  const { limit, model = "bucket", burst } = given
  if (told === "high") return limit * 3
  if (told === "low") return limit / 3
  if (told === "wrongKind") {
    const kinds = (["bucket", "sliding", "fixed"] as const).filter((kind) => kind !== model || burst !== undefined)
    const kind = pick(...kinds)
    return { limit, kind, ...(kind === "fixed" && { resetAt: 0 }) }
  }
  if (told !== "right" || !exactly) return limit
  if (model === "sliding") return { limit, kind: "sliding" }
  if (model === "fixed") return { limit, kind: "fixed", resetAt: given.anchorMs ?? 0 }
  // A second's worth is all that slices of unknown phase allow.
  const depth = model === "slices" ? Math.max(1, limit / 60) : burst
  return { limit, kind: "bucket", ...(depth !== undefined && { burst: depth }) }
}
