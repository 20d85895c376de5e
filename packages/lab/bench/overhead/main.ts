/**
 * What an item costs in time and memory, ours and others', in turn in one process. Writes docs/benchmarks/overhead.md.
 *
 *   pnpm bench:overhead [--rounds=7] [--large=1000000] [--out=folder] [--only=sluice]
 *
 * `--only`: beside the bare loops, only who is called so, and no memory.
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, writeFileSync } from "node:fs"
import path from "node:path"
import { parseArgs } from "node:util"
import { isBusy, machineLine, packageVersion } from "../machine.ts"
import { reportFolder } from "../report-folder.ts"
import { admission } from "./admission.ts"
import type { Contestant, Measure } from "./contestant.ts"
import { manyItems } from "./many-items.ts"
import { nodeTransitions, type Built } from "./node-transitions.ts"
import { cellsOf, overheadText, type RunFacts } from "./overhead-text.ts"
import { cpuOf, median, type Figures, type Memory, type Results, type Taken, youngMegabytes } from "./results.ts"

const measures: readonly Measure[] = [manyItems, admission, nodeTransitions]
const SMALL = 10_000

const { values } = parseArgs({
  options: { rounds: { type: "string" }, large: { type: "string" }, out: { type: "string" }, only: { type: "string" } },
})
const LARGE = Number(values.large ?? 1_000_000)
/** What stopped a contestant, by its name: the others go on. */
const failures = new Map<string, string>()

if (process.send) process.once("message", (order: Order) => void measureMemory(order))
else await measureAll()

interface Order {
  readonly title: string
  readonly name: string
  readonly items: number
}

async function measureAll(): Promise<void> {
  const rounds = Number(values.rounds ?? 7)
  const flags = process.argv.slice(2).filter((flag) => !flag.startsWith("--out"))
  const used = new Set(measures.flatMap(({ contestants }) => contestants.flatMap((each) => each.package ?? [])))
  const facts: RunFacts = {
    command: ["pnpm bench:overhead", ...flags].join(" "),
    machine: machineLine(),
    isBusy: isBusy(),
    rounds,
    largeRounds: Math.max(1, Math.ceil(rounds / 3)),
    versions: [...used].map(packageVersion),
  }
  const folder = reportFolder(values.out)
  mkdirSync(folder, { recursive: true })
  const results: Results[] = []
  for (const measure of measures) {
    results.push(await measured(measure, facts))
    // A run that is cut short leaves what it has.
    writeFileSync(path.join(folder, "overhead.md"), overheadText(results, facts))
  }
}

async function measured(measure: Measure, facts: RunFacts): Promise<Results> {
  const { title, what } = measure
  const { only } = values
  const contestants = measure.contestants.filter(
    ({ name }, at) => at === 0 || only === undefined || name.startsWith(only),
  )
  // A chain of a million nodes is a program nobody writes.
  const large = measure === nodeTransitions ? LARGE / 10 : LARGE
  const few = await timed(contestants, SMALL, facts.rounds, 1)
  const unbounded = contestants.filter(({ most = Infinity }) => large <= most)
  const many = await timed(unbounded, large, facts.largeRounds)
  const bareUs = median(cpuOf(few.get(contestants[0]?.name ?? "") ?? []))
  const figures: Figures[] = []
  for (const contestant of contestants) {
    const { name, most } = contestant
    const memory = async (items: number): Promise<Memory | undefined> =>
      only === undefined ? await memoryOf({ title, name, items: itemsFor(contestant, items) }) : undefined
    const fewMemory = await memory(SMALL)
    const manyMemory = await memory(large)
    const taken = { few: few.get(name) ?? [], many: many.get(name) ?? [] }
    const one: Figures = { name, most, ...taken, fewMemory, manyMemory, failure: failures.get(name) }
    figures.push(one)
    process.stdout.write(`${title}: ${cellsOf(one, { many: large }, bareUs).join("  ")}\n`)
  }
  return { title, what, few: SMALL, many: large, figures }
}

function itemsFor({ most = Infinity }: Contestant, items: number): number {
  return Math.min(most, items)
}

/** Each round of each contestant, every one in turn. The first rounds compile: `warmUp` rounds are not counted. */
async function timed(
  contestants: readonly Contestant[],
  items: number,
  rounds: number,
  warmUp = 0,
): Promise<ReadonlyMap<string, readonly Taken[]>> {
  const times = new Map<string, Taken[]>()
  for (let round = -warmUp; round < rounds; round++) {
    for (const contestant of contestants) {
      if (failures.has(contestant.name)) continue
      try {
        const taken = await timedOnce(contestant, itemsFor(contestant, items))
        if (round >= 0) times.set(contestant.name, [...(times.get(contestant.name) ?? []), taken])
      } catch (error) {
        failures.set(contestant.name, error instanceof Error ? error.message : String(error))
      }
    }
  }
  return times
}

async function timedOnce(contestant: Contestant, items: number): Promise<Taken> {
  if ("prepare" in contestant) (contestant as unknown as Built).prepare(items)
  globalThis.gc?.()
  const cpu = process.cpuUsage()
  const startedMs = performance.now()
  const done = await contestant.run(items)
  const wallUs = ((performance.now() - startedMs) * 1_000) / items
  const { user, system } = process.cpuUsage(cpu)
  if (done !== items) throw new Error(`did ${done} of ${items}`)
  return { cpuUs: (user + system) / items, wallUs }
}

/** `undefined`: its process ended before it was through. */
async function memoryOf(order: Order): Promise<Memory | undefined> {
  const child = fork(new URL(import.meta.url), {
    execArgv: ["--expose-gc", `--max-semi-space-size=${youngMegabytes}`, "--conditions=@sluice/source"],
  })
  child.send(order)
  const ended = once(child, "exit").then(() => undefined)
  const told = once(child, "message").then(([memory]) => memory as Memory)
  const memory = await Promise.race([told, ended])
  child.kill("SIGKILL")
  return memory
}

async function measureMemory({ title, name, items }: Order): Promise<void> {
  const contestant = measures.find((one) => one.title === title)?.contestants.find((one) => one.name === name)
  globalThis.gc?.()
  const idle = process.memoryUsage.rss()
  await contestant?.run(items)
  const peak = process.resourceUsage().maxRSS * 1024
  const megabytes = (bytes: number): number => Math.max(0, Math.round(bytes / 2 ** 20))
  process.send?.({ peakMegabytes: megabytes(peak), grownMegabytes: megabytes(peak - idle) } satisfies Memory)
}
