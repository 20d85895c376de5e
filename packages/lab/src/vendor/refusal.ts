import type { LimitReading } from "@sluice/core"
import type { RefusingFault } from "./faults.ts"
import type { VendorDimension } from "./options.ts"

/** The vendor's no, in neutral terms; the HTTP server words it as each vendor does. */
export interface VendorRefusal {
  readonly admitted: false
  /** The HTTP status; 0: the connection is torn down without an answer. */
  readonly status: 0 | 401 | 413 | 429 | 503 | 529
  readonly reason: "rate" | "ramp" | "concurrency" | "overloaded" | "daily" | "billing" | "key" | "tooLarge" | "outage"
  readonly dimension?: VendorDimension
  /** The numbers of a rate refusal. */
  readonly limit?: number
  readonly used?: number
  readonly requested?: number
  readonly message: string
  readonly retryAfterMs?: number
  readonly limits?: readonly LimitReading[] | undefined
  /** The fault behind it, when it is one. */
  readonly fault?: RefusingFault
}

interface Numbers {
  readonly dimension: VendorDimension
  readonly limit: number
  readonly used: number
  readonly requested: number
}

const words: Readonly<Record<VendorDimension, string>> = {
  requests: "requests per min (RPM)",
  tokens: "tokens per min (TPM)",
  inputTokens: "input tokens per min (ITPM)",
  outputTokens: "output tokens per min (OTPM)",
  requestsPerDay: "requests per day (RPD)",
  tokensPerDay: "tokens per day (TPD)",
}

const figures = ({ limit, used, requested }: Numbers): string =>
  `Limit ${limit}, Used ${Math.max(0, Math.ceil(used))}, Requested ${requested}.`

export function refusalByLimit(numbers: Numbers, waitMs: number): VendorRefusal {
  const daily = numbers.dimension === "requestsPerDay" || numbers.dimension === "tokensPerDay"
  const wait = waitMs < 1000 ? `${Math.ceil(waitMs)}ms` : `${Math.ceil(waitMs / 10) / 100}s`
  return {
    admitted: false,
    status: 429,
    reason: daily ? "daily" : "rate",
    ...numbers,
    message: `Rate limit reached on ${words[numbers.dimension]}: ${figures(numbers)} Please try again in ${wait}.`,
    retryAfterMs: waitMs,
  }
}

export function tooLarge(numbers: Numbers): VendorRefusal {
  const message = `Request too large on ${words[numbers.dimension]}: ${figures(numbers)} It can never fit.`
  return { admitted: false, status: 413, reason: "tooLarge", ...numbers, message }
}

export function refusalByRamp(waitMs: number): VendorRefusal {
  const message = "Slow down: your traffic grows too fast. Ramp up gradually."
  return { admitted: false, status: 429, reason: "ramp", message, retryAfterMs: waitMs }
}

export function tooManyAtOnce(status: 429 | 503 | 529, limit: number): VendorRefusal {
  const message =
    status === 429
      ? `Too many concurrent requests: ${limit} run already.`
      : `The server is overloaded: ${limit} calls run already.`
  return { admitted: false, status, reason: "concurrency", message }
}

export function refusalByFault(fault: RefusingFault): VendorRefusal {
  const refusal = { admitted: false, fault } as const
  switch (fault) {
    case "error503":
      return { ...refusal, status: 503, reason: "overloaded", message: "The server is overloaded or not ready yet." }
    case "error529":
      return { ...refusal, status: 529, reason: "overloaded", message: "Overloaded" }
    case "outage":
      return { ...refusal, status: 0, reason: "outage", message: "Connection torn down." }
    case "billing":
      return {
        ...refusal,
        status: 429,
        reason: "billing",
        message: "You exceeded your current quota, please check your plan and billing details.",
      }
    case "keyRefused":
      return { ...refusal, status: 401, reason: "key", message: "Incorrect API key provided." }
  }
}
