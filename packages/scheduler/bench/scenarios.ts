/**
 * Every scenario of the lab against this scheduler, under the virtual clock: time against the oracle's, refusals, losses.
 *
 *   node --conditions=@sluice/source packages/scheduler/bench/scenarios.ts [name…] [--seed=1,2] [--events]
 */
import type { SluiceEvent } from "@sluice/core"
import { limiterContestant, runScenario, scenarioNamed, scenarios } from "@sluice/lab"
import { createQuota } from "../src/index.ts"

const args = process.argv.slice(2)
const names = args.filter((arg) => !arg.startsWith("--"))
const seeds = (args.find((arg) => arg.startsWith("--seed="))?.slice("--seed=".length) ?? "1,2").split(",").map(Number)
const shown = new Set(["limit-change", "gate-close", "gate-open", "throttle"])

function print(event: SluiceEvent): void {
  if (shown.has(event.type)) console.log(JSON.stringify({ ...event, atMs: Math.round(event.atMs) }))
}

console.log("scenario                 seed  time / oracle  refused  of answers  lost  repeated")
for (const scenario of names.length > 0 ? names.map(scenarioNamed) : scenarios) {
  for (const seed of seeds) {
    const contestant = limiterContestant(({ told, clock, random }) =>
      createQuota({ ...told, clock, random, ...(args.includes("--events") && { onEvent: print }) }),
    )
    const { ratio, refused, refusedRatio, lost, repeated } = await runScenario(scenario, contestant, { seed })
    console.log(
      scenario.name.padEnd(24),
      String(seed).padStart(4),
      ratio.toFixed(3).padStart(14),
      String(refused).padStart(8),
      `${(refusedRatio * 100).toFixed(2)} %`.padStart(11),
      String(lost).padStart(5),
      String(repeated).padStart(9),
    )
  }
}
