import {
  callsOf,
  scenarioNamed,
  toldAt,
  type LimitOptions,
  type Scenario,
  type ToldQuota,
  type ToldRate,
  type VendorCall,
  type VendorOptions,
} from "../../src/index.ts"

/** How a scenario of the lab is made smaller: its clock runs `speed` times as fast, and it has `share` of the calls. */
export interface Scale {
  readonly speed: number
  readonly share: number
}

/** One call as the contestants make it. */
export interface BenchCall {
  readonly prompt: string
  readonly maxTokens: number | undefined
}

export interface BenchScenario {
  readonly name: string
  readonly title: string
  /** The client is told limits that are true and do not change. */
  readonly isTold: boolean
  readonly neverEnds: boolean
  readonly scale: Scale
  readonly vendor: VendorOptions
  readonly told: ToldQuota
  readonly calls: readonly VendorCall[]
}

const MINUTE = 60_000
const HEAD = /^call (\d+), answer with (\d+) tokens\./

/**
 * A scenario of the lab over OpenAI's protocol: one token limit instead of input and output apart.
 * Rates are told per real minute, so headers mean what they say; only standing bursts, windows, moments and latencies shrink.
 */
export function benchScenario(name: string, asked: Scale): BenchScenario {
  const scenario = scenarioNamed(name)
  // A growth limit counts real seconds: its clock stays, and a short run has fewer calls still.
  const scale = scenario.vendor.ramp ? { speed: 1, share: asked.share ** 1.5 } : asked
  const calls = callsOf(scenario, 1, Math.round(scenario.calls.count * scale.share)).map((call) => ({
    ...call,
    // A prompt cannot be shorter than the line that asks for its answer.
    inputTokens: Math.max(12, call.inputTokens),
  }))
  return {
    name,
    title: scenario.title,
    isTold: ALWAYS_TOLD.has(name),
    neverEnds: scenario.neverEnds ?? false,
    scale,
    vendor: scaledVendor(scenario, scale),
    told: scaledTold(scenario, scale),
    calls,
  }
}

const ALWAYS_TOLD = new Set([
  "requests-bind",
  "tokens-bind",
  "max-tokens-bind",
  "full-minute",
  "told-slices",
  "told-sliding",
  "told-fixed",
  "faults",
  "outage",
  "outage-torn",
  "ramp",
])

/** The prompt of a call: its length in tokens and the answer it asks for are exact. */
export function promptOf(call: VendorCall, index: number): string {
  return `call ${index}, answer with ${call.outputTokens} tokens. `.padEnd(call.inputTokens * 4, "Lorem ipsum dolor. ")
}

/** The call that such a prompt asks for, as the oracle knows it: whoever asks, in whatever words, meets the same luck. */
export function callIdOf(prompt: string): string {
  return `call-${HEAD.exec(prompt)?.[1] ?? ""}`
}

/** What the vendor answers to such a prompt. */
export function answerTo(prompt: string): string {
  const tokens = Number(HEAD.exec(prompt)?.[2] ?? 1)
  return "word ".repeat(tokens).slice(0, tokens * 4)
}

function scaledVendor({ vendor }: Scenario, { speed, share }: Scale): VendorOptions {
  const timeOf = (ms: number): number => (ms * share) / speed
  const { requests, tokens, inputTokens, concurrency } = vendor.limits ?? {}
  const combined = tokens ?? inputTokens
  const { latency, schedule, coTenants, faults } = vendor
  return {
    ...vendor,
    ...(vendor.limits && {
      limits: {
        ...(requests !== undefined && { requests: scaledLimit(requests, { speed, share }) }),
        ...(combined !== undefined && { tokens: scaledLimit(combined, { speed, share }) }),
        ...(concurrency !== undefined && { concurrency }),
      },
    }),
    ...(latency && {
      latency: {
        ...latency,
        baseMs: (latency.baseMs ?? 300) / speed,
        perOutputTokenMs: (latency.perOutputTokenMs ?? 10) / speed,
      },
    }),
    ...(schedule && {
      schedule: schedule.map(({ atMs, limits }) => {
        const rate = limits.tokens ?? limits.inputTokens
        return {
          atMs: timeOf(atMs),
          limits: {
            ...(limits.requests !== undefined && { requests: limits.requests * speed }),
            ...(rate !== undefined && { tokens: rate * speed }),
          },
        }
      }),
    }),
    ...(coTenants && {
      coTenants: coTenants.map((tenant) => ({
        ...tenant,
        requestsPerMinute: tenant.requestsPerMinute * speed,
        fromMs: timeOf(tenant.fromMs ?? 0),
        ...(tenant.toMs !== undefined && { toMs: timeOf(tenant.toMs) }),
      })),
    }),
    ...(faults && {
      faults: {
        ...faults,
        ...(faults.schedule && {
          schedule: faults.schedule.map((window) => ({
            ...window,
            fromMs: timeOf(window.fromMs),
            ...(window.toMs !== undefined && { toMs: timeOf(window.toMs) }),
          })),
        }),
      },
    }),
  }
}

function scaledLimit(given: number | LimitOptions, { speed, share }: Scale): LimitOptions {
  const options = typeof given === "number" ? { limit: given } : given
  const { limit, model = "bucket", burst = limit } = options
  if (model === "bucket") return { limit: limit * speed, burst: Math.max(1, burst * share) }
  if (model === "slices") return { limit: limit * speed, model }
  return { limit: limit * share, model, windowMs: (MINUTE * share) / speed }
}

function scaledTold({ told }: Scenario, scale: Scale): ToldQuota {
  const { requestsPerMinute, tokensPerMinute, inputTokensPerMinute, concurrency } = told
  const combined = tokensPerMinute ?? inputTokensPerMinute
  return {
    ...(requestsPerMinute !== undefined && { requestsPerMinute: scaledRate(requestsPerMinute, scale) }),
    ...(combined !== undefined && { tokensPerMinute: scaledRate(combined, scale) }),
    ...(concurrency !== undefined && { concurrency }),
  }
}

function scaledRate(given: number | ToldRate, { speed, share }: Scale): number | ToldRate {
  if (typeof given === "number") return given * speed
  const { limit, kind, burst } = given
  if (kind === "sliding" || kind === "fixed") {
    return { ...given, limit: limit * share, windowMs: (MINUTE * share) / speed }
  }
  // A depth of one call is what slices allow, whatever the scale.
  return { ...given, limit: limit * speed, burst: burst === 1 ? 1 : Math.max(1, (burst ?? limit) * share) }
}

/** `told` with its resets in the vendor's own time. */
export function toldNow(scenario: BenchScenario, vendorStartedAt: number): ToldQuota {
  return toldAt(scenario.told, vendorStartedAt)
}

/** Requests a minute as a user of a plain limiter would take them down: a number, if told. */
export function toldRequests(told: ToldQuota): { readonly limit: number; readonly windowMs: number } | undefined {
  const rate = told.requestsPerMinute
  if (rate === undefined) return undefined
  return typeof rate === "number"
    ? { limit: rate, windowMs: MINUTE }
    : { limit: rate.limit, windowMs: rate.windowMs ?? MINUTE }
}
