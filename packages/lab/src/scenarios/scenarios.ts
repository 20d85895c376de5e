import type { VendorLimits } from "../vendor/options.ts"
import type { Scenario, Size } from "./scenario.ts"

const short: Size = { median: 400, sigma: 0.6, max: 8_000 }
const reply: Size = { median: 150, sigma: 0.6, max: 2_000 }
const heavy: Size = { median: 1_000, sigma: 1, max: 30_000 }
const heavyReply: Size = { median: 100, sigma: 1, max: 4_000 }
const latency = { baseMs: 400, perOutputTokenMs: 12, heavyTail: 0.4 }

/** A middling account. `heavy` calls are bound by input tokens, `short` ones by requests. */
const account = { requests: 500, inputTokens: 400_000, outputTokens: 160_000 } satisfies VendorLimits
const accountTold = { requestsPerMinute: 500, inputTokensPerMinute: 400_000, outputTokensPerMinute: 160_000 }
const bucketTold = {
  requestsPerMinute: { limit: 500, kind: "bucket" },
  inputTokensPerMinute: { limit: 400_000, kind: "bucket" },
  outputTokensPerMinute: { limit: 160_000, kind: "bucket" },
} as const

const told: readonly Scenario[] = [
  {
    name: "requests-bind",
    title: "requests bind",
    calls: { count: 2_000, inputTokens: short, outputTokens: reply },
    vendor: { limits: { ...account, requests: { limit: 500, burst: 50 } }, latency },
    told: { ...bucketTold, requestsPerMinute: { limit: 500, kind: "bucket", burst: 50 } },
  },
  {
    name: "tokens-bind",
    title: "tokens bind, sizes differ 50×",
    calls: { count: 2_000, inputTokens: heavy, outputTokens: heavyReply },
    vendor: { limits: account, latency },
    told: bucketTold,
  },
  {
    name: "max-tokens-bind",
    title: "max_tokens charged at arrival binds",
    calls: { count: 1_500, inputTokens: short, outputTokens: reply, maxTokens: 2_000 },
    vendor: { limits: { requests: 5_000, tokens: 600_000 }, chargeMaxTokens: true, chargeRefused: true, latency },
    told: { requestsPerMinute: { limit: 5_000, kind: "bucket" }, tokensPerMinute: { limit: 600_000, kind: "bucket" } },
  },
  {
    name: "full-minute",
    title: "a full minute stands ready",
    calls: { count: 1_200, inputTokens: short, outputTokens: reply },
    vendor: { limits: { requests: 600, inputTokens: 2_000_000, outputTokens: 800_000 }, latency },
    told: {
      requestsPerMinute: { limit: 600, kind: "bucket" },
      inputTokensPerMinute: { limit: 2_000_000, kind: "bucket" },
      outputTokensPerMinute: { limit: 800_000, kind: "bucket" },
    },
  },
  {
    name: "told-slices",
    title: "500 a minute in slices of a second, told",
    calls: { count: 2_000, inputTokens: short, outputTokens: reply },
    vendor: { limits: { ...account, requests: { limit: 500, model: "slices" } }, latency },
    // A depth of one is all that slices of unknown phase allow.
    told: { ...bucketTold, requestsPerMinute: { limit: 500, kind: "bucket", burst: 1 } },
  },
  {
    name: "told-sliding",
    title: "sliding minute, told",
    calls: { count: 2_000, inputTokens: heavy, outputTokens: heavyReply },
    vendor: {
      limits: {
        requests: { limit: 500, model: "sliding" },
        inputTokens: { limit: 400_000, model: "sliding" },
        outputTokens: { limit: 160_000, model: "sliding" },
      },
      latency,
    },
    told: {
      requestsPerMinute: { limit: 500, kind: "sliding" },
      inputTokensPerMinute: { limit: 400_000, kind: "sliding" },
      outputTokensPerMinute: { limit: 160_000, kind: "sliding" },
    },
  },
  {
    name: "told-fixed",
    title: "fixed minute, told",
    calls: { count: 2_000, inputTokens: heavy, outputTokens: heavyReply },
    vendor: {
      limits: {
        requests: { limit: 500, model: "fixed" },
        inputTokens: { limit: 400_000, model: "fixed" },
        outputTokens: { limit: 160_000, model: "fixed" },
      },
      latency,
    },
    told: {
      requestsPerMinute: { limit: 500, kind: "fixed", resetAt: 0 },
      inputTokensPerMinute: { limit: 400_000, kind: "fixed", resetAt: 0 },
      outputTokensPerMinute: { limit: 160_000, kind: "fixed", resetAt: 0 },
    },
  },
]

const learned: readonly Scenario[] = [
  {
    name: "bare-number",
    title: "a number of tokens is told, not how it is counted",
    calls: {
      count: 1_200,
      inputTokens: { median: 400, sigma: 0.8, max: 4_000 },
      outputTokens: { median: 80, sigma: 0.8, max: 600 },
    },
    vendor: { limits: { requests: 5_000, tokens: 200_000 }, latency },
    told: { requestsPerMinute: 5_000, tokensPerMinute: 200_000 },
  },
  {
    name: "unknown-headers",
    title: "limits unknown, headers tell",
    calls: { count: 3_000, inputTokens: short, outputTokens: reply },
    vendor: { limits: account, latency },
    told: {},
  },
  {
    name: "unknown-silent",
    title: "limits unknown, no headers",
    calls: { count: 3_000, inputTokens: short, outputTokens: reply },
    vendor: { limits: account, latency, headers: "none", retryAfter: "seconds" },
    told: {},
  },
  {
    name: "told-threefold-headers",
    title: "told three times too much, headers tell",
    calls: { count: 3_000, inputTokens: short, outputTokens: reply },
    vendor: { limits: account, latency },
    told: { requestsPerMinute: 1_500, inputTokensPerMinute: 1_200_000, outputTokensPerMinute: 480_000 },
  },
  {
    name: "told-threefold-silent",
    title: "told three times too much, no headers",
    calls: { count: 3_000, inputTokens: short, outputTokens: reply },
    vendor: { limits: account, latency, headers: "none", retryAfter: "seconds" },
    told: { requestsPerMinute: 1_500, inputTokensPerMinute: 1_200_000, outputTokensPerMinute: 480_000 },
  },
  {
    name: "quota-cut",
    title: "quota cut to a third and restored",
    calls: { count: 3_000, inputTokens: short, outputTokens: reply },
    vendor: {
      limits: account,
      latency,
      schedule: [
        { atMs: 90_000, limits: { requests: 167, inputTokens: 133_333, outputTokens: 53_333 } },
        { atMs: 270_000, limits: account },
      ],
    },
    told: accountTold,
  },
  ...[30, 60].map((share): Scenario => ({
    name: `co-tenant-${share}`,
    title: `a hidden co-tenant takes ${share} %`,
    calls: { count: 2_000, inputTokens: heavy, outputTokens: heavyReply },
    vendor: {
      limits: account,
      latency,
      headers: "anthropic",
      coTenants: [
        {
          requestsPerMinute: share,
          tokensPerCall: (account.inputTokens * share) / 100 / share,
          outputTokensPerCall: 100,
          fromMs: 30_000,
        },
      ],
    },
    told: accountTold,
  })),
]

const troubled: readonly Scenario[] = [
  {
    name: "faults",
    title: "5 % of calls go wrong",
    calls: { count: 2_000, inputTokens: short, outputTokens: reply },
    vendor: {
      limits: account,
      latency,
      faults: { rates: { error500: 0.02, reset: 0.01, error503: 0.01, error529: 0.01 } },
    },
    told: bucketTold,
  },
  {
    name: "outage",
    title: "10 s of 503",
    calls: { count: 2_000, inputTokens: short, outputTokens: reply },
    vendor: { limits: account, latency, faults: { schedule: [{ kind: "error503", fromMs: 60_000, toMs: 70_000 }] } },
    told: bucketTold,
  },
  {
    name: "outage-torn",
    title: "10 s of torn connections",
    calls: { count: 2_000, inputTokens: short, outputTokens: reply },
    vendor: { limits: account, latency, faults: { schedule: [{ kind: "outage", fromMs: 60_000, toMs: 70_000 }] } },
    told: bucketTold,
  },
  {
    name: "slots",
    title: "24 slots, no headers, no limits told",
    calls: { count: 2_000, inputTokens: short, outputTokens: reply },
    vendor: { limits: { concurrency: 24 }, latency, headers: "none" },
    told: {},
  },
  {
    name: "knee",
    title: "latency grows past 16 in flight, nothing is refused",
    calls: { count: 2_000, inputTokens: short, outputTokens: reply },
    vendor: { latency: { ...latency, knee: { at: 16, exponent: 1.5 } }, headers: "none" },
    told: {},
  },
  {
    name: "ramp",
    title: "traffic may double in a minute, not more",
    calls: { count: 3_000, inputTokens: short, outputTokens: reply },
    vendor: {
      limits: { requests: 3_000, inputTokens: 4_000_000, outputTokens: 1_600_000 },
      latency,
      ramp: { growthPerMinute: 2, freePerMinute: 120 },
    },
    told: { requestsPerMinute: 3_000, inputTokensPerMinute: 4_000_000, outputTokensPerMinute: 1_600_000 },
  },
  {
    name: "billing",
    title: "the money runs out",
    calls: { count: 2_000, inputTokens: short, outputTokens: reply },
    vendor: { limits: account, latency, faults: { schedule: [{ kind: "billing", fromMs: 60_000 }] } },
    told: bucketTold,
    neverEnds: true,
  },
]

/** Every scenario of the benchmark, by what it puts to the test. */
export const scenarios: readonly Scenario[] = Object.freeze([...told, ...learned, ...troubled])

/** The scenario of this name. */
export function scenarioNamed(name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name)
  if (found) return found
  throw new TypeError(`no scenario is named "${name}". Known: ${scenarios.map((scenario) => scenario.name).join(", ")}`)
}
