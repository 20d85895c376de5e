import {
  type AdmitOptions,
  type Cost,
  type Latency,
  type LimitReading,
  Scope,
  type Settlement,
  type SluiceError,
} from "@sluice/core"
import {
  abortSignal,
  anything,
  anyText,
  costCheck,
  fields,
  flag,
  hasAmounts,
  isCost,
  listOf,
  milliseconds,
  needed,
  number,
  oneOf,
  type Check,
  wrongArgument,
  wrongCost,
  wrongValue,
} from "@sluice/core/internal"

const ask = fields<AdmitOptions>({
  signal: abortSignal,
  priority: number,
  tenant: anyText,
  certain: costCheck,
  maxWaitMs: milliseconds,
  place: flag,
  since: number,
})

/** What is wrong with what a limiter is asked, at every call. */
export function wrongAsk(cost: Cost, asked: AdmitOptions | undefined): SluiceError | undefined {
  return wrongCost("admit", "cost", cost) ?? wrongOptions(asked)
}

/** What is wrong with the options of that alone. */
export function wrongOptions(asked: AdmitOptions | undefined): SluiceError | undefined {
  // An executor asks with the item's scope itself.
  return asked === undefined || asked instanceof Scope || isAsk(asked) ? undefined : wrongValue("admit", asked, ask)
}

/** Whether it is as most are: by constants, which takes a tenth of what the table takes. */
function isAsk(asked: AdmitOptions): boolean {
  for (const name in asked) {
    const given: unknown = asked[name as keyof AdmitOptions]
    if (name === "signal" && given instanceof AbortSignal) continue
    if (name === "tenant" && typeof given === "string") continue
    if (name === "certain" && isCost(given as Cost)) continue
    if (name === "maxWaitMs" ? (given as number) >= 0 : name === "priority" || name === "since")
      if (typeof given === "number" && given === given) continue
    return false
  }
  return true
}

const dimension = oneOf("requests", "tokens", "inputTokens", "outputTokens")
const reading = fields<LimitReading>({
  dimension: needed(dimension),
  limit: number,
  remaining: number,
  resetMs: number,
  windowMs: number,
  roundedTo: number,
})
const limits = listOf((one) => {
  const isRight = hasAmounts(one as LimitReading, "limit", "remaining", "resetMs", "windowMs", "roundedTo", "dimension")
  return isRight && !dimension((one as LimitReading).dimension) ? undefined : reading(one)
})
const times = fields<Latency>({ totalMs: needed(number), firstTokenMs: number, outputTokens: number })
const latency: Check = (one) => {
  const isRight = hasAmounts(one as Latency, "totalMs", "firstTokenMs", "outputTokens")
  return isRight && (one as Latency).totalMs !== undefined ? undefined : times(one)
}

/** Below nothing, too: what takes no request puts right what others took. A quota looks whether a call may. */
const actual = fields<Cost>({ requests: number, inputTokens: number, outputTokens: number, usd: number })
const ignored = { outcome: anything, actual }
const ends = {
  success: fields<End<"success">>({ ...ignored, limits, latency }),
  throttled: fields<End<"throttled">>({
    ...ignored,
    limits,
    retryAfterMs: milliseconds,
    reason: needed(oneOf("rate", "places", "ramp", "overloaded", "daily", "billing")),
    dimension,
    message: anyText,
  }),
  failed: fields<End<"failed">>({ ...ignored, retryAfterMs: milliseconds }),
  ignored: fields<End<"ignored">>(ignored),
}
type End<Outcome> = Extract<Settlement, { readonly outcome: Outcome }>

/** What is wrong with what a limiter is told of a call's end. */
export function wrongEnd(end: Settlement | undefined): SluiceError | undefined {
  const outcome = end?.outcome as keyof typeof ends
  if (outcome === "success" && isPlain(end as End<"success">)) return undefined
  if (Object.hasOwn(ends, outcome)) return wrongValue("settle", end, ends[outcome])
  return wrongArgument("settle", "outcome", outcome, oneOf(...Object.keys(ends)))
}

/** Whether it is as most are. */
function isPlain(end: End<"success">): boolean {
  for (const name in end) {
    if (name === "outcome") continue
    if (name === "actual" && isCost(end.actual!)) continue
    if (name === "latency" && !latency(end.latency)) continue
    if (name === "limits" && !limits(end.limits)) continue
    return false
  }
  return true
}
