import type { Clock, Random } from "@sluice/core"
import { amount, checkOptions, count, milliseconds, number, type Shape } from "@sluice/core/internal"
import type { MaxTokensCharge } from "../vendor/max-tokens-charge.ts"
import { oracle } from "../oracle.ts"
import { luckOf, seededRandom } from "../clock/seeded-random.ts"
import type { VendorCall } from "../vendor/call.ts"
import type { VendorTruth } from "../vendor/truth.ts"
import { VirtualClock } from "../clock/virtual-clock.ts"
import { createVirtualVendor, type VirtualAnswer } from "../vendor/virtual-vendor.ts"
import { callsOf, toldAt, type Scenario, type ToldQuota } from "./scenario.ts"
import { scenarioChecks } from "./scenario-checks.ts"

/** What a contestant gets. It is to have every call answered once, and is measured by the vendor, not by its own word. */
export interface ContestantEnv {
  readonly clock: Clock
  readonly random: Random
  readonly told: ToldQuota
  /** Whether the vendor charges `maxTokens` at arrival and keeps it: that much is documented by every vendor. */
  readonly chargesMaxTokens: MaxTokensCharge
  readonly calls: readonly (VendorCall & { readonly id: string })[]
  /** One attempt. Rejects when the connection is torn down. */
  readonly call: (call: VendorCall & { readonly signal?: AbortSignal }) => Promise<VirtualAnswer>
}

/** Resolves when it is done or has given up. */
export type Contestant = (env: ContestantEnv) => Promise<void>

export interface ScenarioOptions {
  /** Of calls, vendor and contestant alike. Default 1. */
  readonly seed?: number
  /** In place of the scenario's count. */
  readonly calls?: number
  /** One way. Default 20. */
  readonly networkMs?: number
  /** Uniform, added each way. Default 0. */
  readonly networkJitterMs?: number
  /** A contestant that is not done by then is stopped. Default 20 times the oracle's time, at least an hour. */
  readonly giveUpMs?: number
}

export interface ScenarioResult {
  readonly scenario: string
  /** Until the last answer had reached the contestant. */
  readonly timeMs: number
  readonly oracleMs: number
  /** `timeMs / oracleMs`; `NaN` when the work can never be done. */
  readonly ratio: number
  /** Calls that got an answer. */
  readonly answered: number
  /** Calls that did not. */
  readonly lost: number
  /** Answers to calls that had one already. */
  readonly repeated: number
  /** Attempts to which a limit said no: too fast, too many at once, growing too fast, or never to fit. */
  readonly refused: number
  /** Attempts that an injected fault refused: overload, outage, billing, key. Nobody's pace is to blame for the first of them. */
  readonly faulted: number
  /** `refused / answered`. */
  readonly refusedRatio: number
  /** Until the contestant resolved. `undefined`: it had to be stopped. */
  readonly settledMs: number | undefined
  /** What the contestant rejected with, if it did. */
  readonly error: unknown
  readonly truth: VendorTruth
}

const checks: Shape<ScenarioOptions> = {
  seed: number,
  calls: count(0),
  networkMs: amount,
  networkJitterMs: amount,
  giveUpMs: milliseconds,
}

/** Runs one contestant through one scenario under a virtual clock. Same seed, same result. */
export async function runScenario(
  scenario: Scenario,
  contestant: Contestant,
  options: ScenarioOptions = {},
): Promise<ScenarioResult> {
  checkOptions("runScenario", scenario, scenarioChecks)
  checkOptions("runScenario", options, checks)
  const { seed = 1, networkMs = 20, networkJitterMs = 0 } = options
  const calls = callsOf(scenario, seed, options.calls)
  const vendorOptions = { ...scenario.vendor, seed, networkMs }
  const oracleMs = oracle(calls, vendorOptions).timeMs
  const clock = new VirtualClock()
  const vendor = createVirtualVendor({ ...vendorOptions, clock, networkJitterMs })
  const answeredIds = new Set<string>()
  let timeMs = 0

  const env: ContestantEnv = {
    clock,
    random: seededRandom(luckOf(seed, "contestant") * 2 ** 32),
    told: toldAt(scenario.told, clock.wallNow()),
    chargesMaxTokens: scenario.vendor.chargeMaxTokens ?? false,
    calls,
    async call(call) {
      const answer = await vendor.call(call)
      if (answer.status === 200) {
        timeMs = clock.now()
        if (call.id !== undefined) answeredIds.add(call.id)
      }
      return answer
    },
  }

  let settledMs: number | undefined
  let error: unknown
  const done = contestant(env).then(
    () => void (settledMs = clock.now()),
    (reason: unknown) => {
      settledMs = clock.now()
      error = reason
    },
  )
  const enough = new Promise<void>((resolve) => {
    const enoughMs = options.giveUpMs ?? Math.max(3_600_000, Number.isFinite(oracleMs) ? 20 * oracleMs : 0)
    clock.setTimer(enoughMs, resolve)
  })
  await clock.run(Promise.race([done, enough]))

  const truth = vendor.truth()
  const faulted = ["overloaded", "outage", "billing", "key"].reduce(
    (sum, reason) => sum + (truth.refusedByReason[reason] ?? 0),
    0,
  )
  const refused = truth.refused - faulted
  const answered = answeredIds.size
  return {
    scenario: scenario.name,
    timeMs,
    oracleMs,
    ratio: Number.isFinite(oracleMs) ? timeMs / oracleMs : Number.NaN,
    answered,
    lost: calls.length - answered,
    repeated: truth.repeats,
    refused,
    faulted,
    refusedRatio: answered === 0 ? (refused === 0 ? 0 : Infinity) : refused / answered,
    settledMs,
    error,
    truth,
  }
}
