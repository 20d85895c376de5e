/**
 * sluice through the lab's scenarios over real HTTP, at the vendor's own pace and with all calls, beside the same on the virtual
 * clock; writes docs/benchmarks/quota-virtual.md. The vendor of both is that of `bench:quota`.
 *
 *   pnpm bench:quota-virtual [--scenarios=a,b] [--lanes=8] [--out=folder]
 */
import { mkdirSync, writeFileSync } from "node:fs"
import path from "node:path"
import { parseArgs } from "node:util"
import { createQuota } from "@sluice/scheduler"
import {
  type LimiterContestantOptions,
  limiterContestant,
  runScenario,
  scenarioNamed,
  scenarios,
  type ScenarioResult,
} from "../../src/index.ts"
import { chargedAhead } from "../../src/vendor/max-tokens-charge.ts"
import { isBusy, machineLine } from "../machine.ts"
import { reportFolder } from "../report-folder.ts"
import { benchScenario, type Scale } from "./bench-scenario.ts"
import { oracleOf, runPair, type Row } from "./run-pair.ts"

const { values } = parseArgs({
  options: {
    scenarios: { type: "string" },
    lanes: { type: "string", default: "8" },
    out: { type: "string" },
  },
})
const scale: Scale = { speed: 1, share: 1 }
/** Real HTTP may be so much slower. */
const allowed = 0.05
const machine = machineLine()
const wasBusy = isBusy()
const names = values.scenarios?.split(",") ?? scenarios.map(({ name }) => name)

interface Both {
  readonly real: Row
  readonly virtual: Pick<ScenarioResult, "ratio" | "refused">
}

const found = new Map<string, Both>()
// The longest first: they end together.
const todo = names.toSorted((a, b) => longMs(b) - longMs(a)).values()
const folder = reportFolder(values.out)
mkdirSync(folder, { recursive: true })
await Promise.all(Array.from({ length: Number(values.lanes) }, lane))

function longMs(name: string): number {
  const oracleMs = oracleOf(benchScenario(name, scale))
  return Number.isFinite(oracleMs) ? oracleMs : 0
}

async function lane(): Promise<void> {
  for (const name of todo) {
    const real = await runPair(name, scale, "sluice")
    const both = { real, virtual: await onVirtualClock(name) }
    found.set(name, both)
    process.stdout.write(`${line(both)}\n`)
    // A run that is cut short leaves what it has.
    writeFileSync(path.join(folder, "quota-virtual.md"), text())
  }
}

/** Of the same vendor and calls, over a network of a millisecond. */
async function onVirtualClock(name: string): Promise<ScenarioResult> {
  const { vendor, told } = benchScenario(name, scale)
  // How long an answer gets nobody knows before: reserved is a tenth more.
  const estimate: LimiterContestantOptions["estimate"] = (call, { chargesMaxTokens }) => ({
    inputTokens: call.inputTokens,
    outputTokens: chargesMaxTokens ? chargedAhead(chargesMaxTokens, call) : Math.ceil(call.outputTokens * 1.1),
  })
  const contestant = limiterContestant((env) => createQuota({ ...env.told, clock: env.clock, random: env.random }), {
    estimate,
  })
  return await runScenario({ ...scenarioNamed(name), vendor, told }, contestant, { networkMs: 1 })
}

function line({ real, virtual }: Both): string {
  const { title, neverEnds, failure, ratio, refused, answered, lost, repeated } = real
  const more = ratio - virtual.ratio
  const difference = more > allowed ? `**${more.toFixed(3)}**` : more.toFixed(3)
  const times = neverEnds ? ["–", "–", "–"] : [ratio.toFixed(3), virtual.ratio.toFixed(3), difference]
  const counts = [`${refused} / ${answered}`, virtual.refused, neverEnds ? "–" : lost, repeated]
  return `| ${[title, ...times, ...counts, failure ?? ""].join(" | ")} |`
}

function text(): string {
  const done = names.flatMap((name) => found.get(name) ?? [])
  const late = Math.max(...done.map(({ real }) => (Number.isFinite(real.lateMs) ? real.lateMs : 0)))
  return [
    "# Real HTTP beside the virtual clock",
    "",
    `${machine}${wasBusy ? "; **more was ready to run than there are cores**" : ""}.`,
    "",
    `Written by \`pnpm bench:quota-virtual\`: every scenario of [the comparison](quota.md) at the vendor's own pace and with all its calls, sluice and the \`openai\` SDK against the lab's HTTP server, each in a process of its own, ${values.lanes} scenarios at a time; and the same vendor and calls on the virtual clock. Time is a multiple of the oracle's. A difference above ${allowed} is bold. In the process that waited most for the processor, 99 of 100 timers were less than ${Math.ceil(late)} ms late.`,
    "",
    "| | over HTTP | virtual | difference | refused / answered | refused, virtual | lost | answered twice | |",
    "|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ...done.map(line),
    "",
  ].join("\n")
}
