/**
 * What an item costs in time and memory, ours and others', in turn in one process. Writes docs/benchmarks/overhead.md.
 *
 *   pnpm bench:overhead [--rounds=7] [--large=1000000] [--out=folder]
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, writeFileSync } from "node:fs"
import path from "node:path"
import { parseArgs } from "node:util"
import { machineLine, packageVersion } from "../machine.ts"
import { admission } from "./admission.ts"
import type { Contestant, Measure } from "./contestant.ts"
import { manyItems } from "./many-items.ts"
import { nodeTransitions, type Built } from "./node-transitions.ts"

/** What a fresh process has taken for a number of items. */
interface Memory {
  readonly peakMegabytes: number
  readonly grownMegabytes: number
}

const measures: readonly Measure[] = [manyItems, admission, nodeTransitions]
const SMALL = 10_000

const { values } = parseArgs({
  options: { rounds: { type: "string" }, large: { type: "string" }, out: { type: "string" } },
})
const LARGE = Number(values.large ?? 1_000_000)
/** What stopped a contestant, by its name: the others go on. */
const failures = new Map<string, string>()

if (process.send) process.once("message", (order: Order) => void measureMemory(order))
else await measureAll()

/** An item, in one round. */
interface Taken {
  readonly cpuUs: number
  readonly wallUs: number
}

interface Order {
  readonly title: string
  readonly name: string
  readonly items: number
}

async function measureAll(): Promise<void> {
  const rounds = Number(values.rounds ?? 7)
  const flags = process.argv.slice(2).filter((flag) => !flag.startsWith("--out"))
  const command = ["pnpm bench:overhead", ...flags].join(" ")
  const text = [
    "# What an item costs",
    "",
    `${machineLine()}. Other work ran on the machine at the same time: compare the contestants with each other, who took turns in one process, rather than with figures from elsewhere.`,
    "",
    `Written by \`${command}\`. Processor time: medians of ${rounds} rounds at ${count(SMALL)} items and of ${largeRounds(rounds)} at ${count(LARGE)}, with the least and the most in brackets; × is the median against the bare loop's. Peak memory is the resident set of a process of its own that runs all items once, and in brackets how much of it came after the libraries were loaded.`,
    "",
  ]
  const used = [...new Set(measures.flatMap(({ contestants }) => contestants.map((each) => each.package ?? "")))]
  const versions = `Versions: ${used
    .filter((name) => name !== "")
    .map(packageVersion)
    .join(", ")}.`
  const folder = values.out ?? path.resolve(import.meta.dirname, "../../../../docs/benchmarks")
  mkdirSync(folder, { recursive: true })
  for (const measure of measures) {
    text.push(...(await section(measure, rounds)))
    // A run that is cut short leaves what it has.
    writeFileSync(path.join(folder, "overhead.md"), `${[...text, versions].join("\n")}\n`)
  }
}

function largeRounds(rounds: number): number {
  return Math.max(1, Math.ceil(rounds / 3))
}

async function section(measure: Measure, rounds: number): Promise<string[]> {
  const { title, what, contestants } = measure
  // A chain of a million nodes is a program nobody writes.
  const large = measure === nodeTransitions ? LARGE / 10 : LARGE
  const small = await timed(contestants, SMALL, rounds)
  const big = await timed(contestants, large, largeRounds(rounds))
  const bare = median(cpuOf(small.get(contestants[0]?.name ?? "")))
  const lines: string[] = []
  for (const contestant of contestants) {
    const { name } = contestant
    const memory = await memoryOf({ title, name, items: itemsFor(contestant, large) })
    const failure = failures.get(name)
    if (failure !== undefined) {
      process.stdout.write(`${title}: ${name} failed: ${failure}\n`)
      lines.push(`| ${name} | failed: ${failure.replaceAll("|", " ")} | – | – | – | – | – |`)
      continue
    }
    const few = cpuOf(small.get(name))
    const fastestUs = Math.min(...(small.get(name) ?? []).map(({ wallUs }) => wallUs))
    const many = big.has(name) ? cpuOf(big.get(name)) : undefined
    const times = few.length > 0 ? median(few) / bare : NaN
    const note = contestant.most === undefined ? "" : ` — ${count(contestant.most)} items only`
    const cells = [
      name.startsWith("sluice") ? `**${name}**` : `${name}${note}`,
      spread(few),
      `${times < 10 ? times.toFixed(1) : Math.round(times)} ×`,
      count(Math.round(1e6 / fastestUs)),
      many ? spread(many) : `(${extrapolated(fastestUs * large)} if it grows no worse)`,
      many ? `${(median(many) / median(few)).toFixed(2)} ×` : "–",
      memory ? `${memory.peakMegabytes} MB (+${memory.grownMegabytes})` : "its process died",
    ]
    process.stdout.write(`${title}: ${cells.join("  ")}\n`)
    lines.push(`| ${cells.join(" | ")} |`)
  }
  return [
    `## ${title}`,
    "",
    what,
    "",
    `| | CPU µs an item, ${count(SMALL)} | × bare | items/s, at best | CPU µs an item, ${count(large)} | growth | peak memory, ${count(large)} |`,
    "|---|---:|---:|---:|---:|---:|---:|",
    ...lines,
    "",
  ]
}

function cpuOf(taken: readonly Taken[] = []): number[] {
  return taken.map(({ cpuUs }) => cpuUs)
}

function itemsFor({ most = Infinity }: Contestant, items: number): number {
  return Math.min(most, items)
}

/** CPU µs an item of each round, every contestant in turn. Whoever may not have so many items is left out at the large size. */
async function timed(
  contestants: readonly Contestant[],
  items: number,
  rounds: number,
): Promise<ReadonlyMap<string, readonly Taken[]>> {
  const taking = contestants.filter(({ most = Infinity }) => items <= SMALL || items <= most)
  const times = new Map<string, Taken[]>()
  // The first round at the small size compiles; it is not counted.
  for (let round = items <= SMALL ? -1 : 0; round < rounds; round++) {
    for (const contestant of taking) {
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
  const child = fork(new URL(import.meta.url), { execArgv: ["--expose-gc", "--conditions=@sluice/source"] })
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

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN
}

function spread(values: readonly number[]): string {
  const digits = (us: number): string => (us < 10 ? us.toFixed(2) : us.toFixed(0))
  return `${digits(median(values))} [${digits(Math.min(...values))}–${digits(Math.max(...values))}]`
}

function count(items: number): string {
  return items.toLocaleString("en")
}

function extrapolated(us: number): string {
  return us < 60e6 ? `${(us / 1e6).toFixed(0)} s` : `${(us / 60e6).toFixed(0)} min`
}
