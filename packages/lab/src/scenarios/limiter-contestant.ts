import type { Settlement, Cost, Limiter } from "@sluice/core"
import { amount, callable, checkOptions, count } from "@sluice/core/internal"
import { chargedAhead } from "../vendor/max-tokens-charge.ts"
import type { VirtualAnswer } from "../vendor/virtual-vendor.ts"
import type { Contestant, ContestantEnv } from "./run-scenario.ts"

type Call = ContestantEnv["calls"][number]

export interface LimiterContestantOptions {
  /** What a call is expected to take. Default: what the vendor will charge, as by somebody who estimates well. */
  readonly estimate?: (call: Call, env: Pick<ContestantEnv, "chargesMaxTokens">) => Cost
  /** Attempts at one call. Default 20. */
  readonly maxAttempts?: number
  /** Wait before another attempt, when the vendor named no time; the limiter's own gate comes on top. Default 1,000. */
  readonly backoffMs?: number
}

/**
 * A contestant that asks `limiter` before every attempt and reports every answer back to it: the plainest right use of a
 * limiter. All calls wait at once; retries wait outside and are admitted again.
 *
 * @example
 * ```ts
 * const ours = limiterContestant(({ clock, random, told }) => createQuota({ ...told, clock, random }))
 * const { ratio, refused } = await runScenario(scenarioNamed("tokens-bind"), ours)
 * ```
 */
export function limiterContestant(
  create: (env: ContestantEnv) => Limiter,
  options: LimiterContestantOptions = {},
): Contestant {
  checkOptions("limiterContestant", options, { estimate: callable, maxAttempts: count(), backoffMs: amount })
  return async (env) => {
    const limiter = create(env)
    // One refusal of the limiter itself must not hide how the other calls end.
    const ends = await Promise.allSettled(env.calls.map(async (call) => await callThrough(limiter, env, call, options)))
    const failed = ends.find((end) => end.status === "rejected")
    if (failed) throw failed.reason
  }
}

/** One call until it has its answer: each attempt admitted by `limiter`, each answer reported back to it. */
export async function callThrough(
  limiter: Limiter,
  env: Omit<ContestantEnv, "told" | "calls">,
  call: Call,
  { estimate = exactly, maxAttempts = 20, backoffMs = 1_000 }: LimiterContestantOptions = {},
): Promise<void> {
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const permit = await limiter.admit(estimate(call, env))
    const answer = await env.call(call).catch(() => undefined)
    permit.settle(endOf(call, answer, env))
    if (answer?.status === 200 || answer?.refusal?.reason === "billing") return
    // Who was refused waits in the limiter; a fault is the call's own.
    if (!answer?.refusal) {
      const delayMs = Math.min(30_000, backoffMs * 2 ** (attempt - 1)) * env.random.next()
      await new Promise<void>((resolve) => void env.clock.setTimer(delayMs, resolve))
    }
  }
}

type Charging = Pick<ContestantEnv, "chargesMaxTokens">

function exactly(call: Call, { chargesMaxTokens }: Charging): Cost {
  const outputTokens = chargesMaxTokens ? chargedAhead(chargesMaxTokens, call) : call.outputTokens
  return { inputTokens: call.inputTokens, outputTokens }
}

function endOf(call: Call, answer: VirtualAnswer | undefined, env: Charging): Settlement {
  if (!answer) return { outcome: "ignored" }
  const { limits, retryAfterMs, refusal, usage, totalMs, firstTokenMs } = answer
  const heard = limits ? { limits } : {}
  if (refusal)
    return { outcome: "throttled", ...refusal, ...heard, ...(retryAfterMs !== undefined && { retryAfterMs }) }
  if (!usage) return { outcome: "ignored" }
  const actual = env.chargesMaxTokens ? exactly(call, env) : usage
  const latency =
    firstTokenMs === undefined ? {} : { latency: { totalMs, firstTokenMs, outputTokens: usage.outputTokens } }
  return { outcome: "success", actual, ...heard, ...latency }
}
