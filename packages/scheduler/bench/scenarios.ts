/**
 * Every scenario of the lab against this scheduler, under the virtual clock: time against the oracle's, refusals, losses.
 *
 *   node --conditions=@sluice/source packages/scheduler/bench/scenarios.ts [name…] [--seed=1]
 */
import { type Contestant, runScenario } from "../../lab/src/scenarios/run-scenario.ts"
import { scenarioNamed, scenarios } from "../../lab/src/scenarios/scenarios.ts"
import type { Feedback, SluiceEvent } from "@sluice/core"
import { createQuota, retryDecision, sleep } from "./contestant-parts.ts"

const names = process.argv.slice(2).filter((arg) => !arg.startsWith("--"))
const flag = (name: string): string | undefined =>
  process.argv.find((arg) => arg.startsWith(`--${name}=`))?.split("=")[1]
const verbose = flag("verbose") !== undefined

function sluice(onEvent?: (event: SluiceEvent) => void): Contestant {
  return async ({ clock, random, told, calls, call }) => {
    const quota = createQuota({ ...told, clock, random, ...(onEvent && { onEvent }) })
    if (flag("watch")) {
      const look = (): void => {
        const { limits, inFlight, waiting, gate } = quota.snapshot()
        const shown = limits.map(
          (one) =>
            `${one.name} ${one.level.toFixed(0)}/${one.limit} others ${one.others?.toFixed(0)} eff ${one.effective?.toFixed(0)} ${one.kind}`,
        )
        console.log((clock.now() / 1000).toFixed(0), `fly ${inFlight} wait ${waiting} ${gate.state}`, shown.join(" | "))
        if (waiting > 0) clock.setTimer(Number(flag("watch")) * 1000, look)
      }
      clock.setTimer(1000, look)
    }
    let mean = 150
    const stop = new AbortController()
    const work = async (item: (typeof calls)[number]): Promise<void> => {
      for (let attempt = 1; ; attempt++) {
        const estimate = { inputTokens: item.inputTokens, outputTokens: item.maxTokens ?? mean }
        const permit = await quota.admit(estimate, { signal: stop.signal })
        let failed = true
        try {
          const answer = await call(item)
          const feedback: Feedback = {
            ...(answer.limits && { limits: answer.limits }),
            ...(answer.retryAfterMs !== undefined && { retryAfterMs: answer.retryAfterMs }),
            ...(answer.refusal && { refusal: answer.refusal }),
            ...(answer.status >= 500 && { failed: true }),
            latency: {
              totalMs: answer.totalMs,
              ...(answer.firstTokenMs !== undefined && { firstTokenMs: answer.firstTokenMs }),
              ...(answer.usage && { outputTokens: answer.usage.outputTokens }),
            },
          }
          if (answer.status === 200) {
            mean += (answer.usage!.outputTokens - mean) * 0.02
            permit.settle("success", item.maxTokens === undefined ? answer.usage : estimate, feedback)
            return
          }
          permit.settle(answer.status === 429 ? "throttled" : "ignored", undefined, feedback)
          failed = answer.status !== 429
        } catch {
          permit.settle("ignored", undefined, { failed: true })
        }
        if (failed) await sleep(clock, retryDecision(attempt, random), undefined)
      }
    }
    const results = await Promise.allSettled(calls.map(work))
    const bad = results.find((one) => one.status === "rejected")
    if (bad) throw bad.reason
  }
}

const rows = names.length > 0 ? names.map(scenarioNamed) : scenarios
for (const scenario of rows) {
  const seeds = (flag("seed") ?? "1,2").split(",").map(Number)
  for (const seed of seeds) {
    const started = performance.now()
    let events = 0
    const onEvent = (event: SluiceEvent): void => {
      if (!["limit-change", "gate-close", "gate-open", "throttle"].includes(event.type) || events++ > 200) return
      console.log(JSON.stringify({ ...event, atMs: Math.round(event.atMs) }))
    }
    const result = await runScenario(scenario, sluice(verbose ? onEvent : undefined), { seed })
    const { ratio, refused, answered, lost, repeated, refusedRatio, error, timeMs } = result
    console.log(
      scenario.name.padEnd(24),
      `seed ${seed}`,
      `ratio ${ratio.toFixed(3)}`,
      `time ${(timeMs / 1000).toFixed(0)}s`,
      `refused ${refused} (${(refusedRatio * 100).toFixed(2)}%)`,
      `answered ${answered} lost ${lost} repeated ${repeated}`,
      error ? String(error).slice(0, 80) : "",
      `[${((performance.now() - started) / 1000).toFixed(1)}s real]`,
      verbose ? JSON.stringify(result.truth.refusedByReason ?? {}) : "",
    )
  }
}
