import { round, seconds } from "../quota/telling/in-words.ts"
import type { Crowding } from "./crowding.ts"
import type { Diagnosis } from "./diagnose.ts"
import type { LimitFacts, RefusalFacts } from "./refusal-facts.ts"
import type { LedgerState } from "./state.ts"

const silence = "nothing since"

/** What a diagnosis was made from, in words and numbers, for who reads the events. */
export function observedIn(
  diagnosis: Diagnosis,
  facts: RefusalFacts,
  { concurrency, crowding, limits }: LedgerState,
): string {
  const { retryAfterMs } = facts
  const delay = retryAfterMs === undefined ? "no delay named" : `room in ${seconds(retryAfterMs)}`
  switch (diagnosis.cause) {
    case "account":
      return diagnosis.why === "never" ? "the vendor names a limit of 0" : "the account cannot pay, or may not call"
    case "day":
      return `a day's total is gone, back in ${seconds(diagnosis.waitMs)}`
    case "growth":
      return "traffic rose too fast"
    case "same-event":
      return "it had left before"
    case "luck":
    case "places":
      return crowdedIn(crowding.withOneMore(), diagnosis.cause === "luck", concurrency.running)
    case "unknown":
      return `nothing is measured yet, ${delay}`
    case "unknown-window":
      return `${round(diagnosis.admitted)} ${diagnosis.dimension} passed in the last minute, ${diagnosis.agoMs > 0 ? silence : delay}`
    case "unknown-rate":
      return `what came since the last refusal allows ${round(diagnosis.perMs * 60_000)} ${diagnosis.dimension} a minute, ${delay}`
    default:
      return `${limits[diagnosis.limit]!.name}: ${ofLimit(diagnosis.cause, facts.limits[diagnosis.limit]!, delay)}`
  }
}

/** Whatever was judged counts this refusal too. */
function crowdedIn(found: ReturnType<Crowding["withOneMore"]>, isLuck: boolean, running: number): string {
  const { refused, starts, isMany } = found
  const ran = `while ${running} more ran`
  if (!isLuck && !isMany) return `refused ${ran}, as more at once were tried than had been served`
  const count = `${refused} of the last ${starts} starts refused for want of capacity ${ran}`
  return isLuck ? `${count}: too few to tell anything` : count
}

function ofLimit(cause: Extract<Diagnosis, { limit: number }>["cause"], limit: LimitFacts, delay: string): string {
  const { amount, level, own, peak, recent, remaining, admitted, sinceMs, measured, windowMs } = limit
  switch (cause) {
    case "window":
      return `${round(recent)} of ${round(limit.limit)} used, ${admitted > 0 ? delay : silence}`
    case "bucket":
    case "doubt":
      return `${round(level)} of ${round(limit.limit)} left in a ${limit.kind} window, ${delay}`
    case "depth":
      if (remaining !== undefined && remaining > amount)
        return `${round(remaining)} remain, and ${round(own)} had left together`
      return `${round(own)} had left together, and ${round(Math.min(peak, limit.depth))} were taken to stand ready`
    case "early":
      if (limit.justFreed >= amount) return `the window had just made room for ${round(limit.justFreed)}, ${delay}`
      return `calls left one by one, ${delay}`
    case "rate":
      return `${round(admitted)} passed in ${seconds(sinceMs)}, at most ${round(measured * windowMs)} in ${seconds(windowMs)}`
    case "level":
      return `${round(level)} were taken to be left, ${delay}`
  }
}
