import { bareUsOf, cpuOf, median, type Figures, type Results, type Taken, youngMegabytes } from "./results.ts"
import { targetTable } from "./targets.ts"

export interface RunFacts {
  readonly command: string
  readonly machine: string
  /** More ready to run than there are cores, before it began. */
  readonly isBusy: boolean
  readonly rounds: number
  /** `name version` of each library. */
  readonly versions: readonly string[]
}

/** The whole report as Markdown: our own targets, then a table for each measure. */
export function overheadText(results: readonly Results[], facts: RunFacts): string {
  const { command, machine, isBusy, rounds, versions } = facts
  const busy = isBusy
    ? " **Other work ran on the machine at the same time: compare the contestants with each other, who took turns, rather than with figures from elsewhere.**"
    : ""
  const text = [
    "# What an item costs",
    "",
    `${machine}.${busy}`,
    "",
    `Written by \`${command}\`. Processor time, each contestant in processes of its own, where no other has run; they take turns, ${rounds} processes for each. A process runs few items twice, the first time only to compile them, then many: medians over the processes, with the least and the most in brackets; × is the median against the bare loop's. Peak memory is the resident set of one more process that runs all items once, with few items → with many; in brackets how much of it came after the library was loaded. Its young generation is held at ${youngMegabytes} MB: else it is how much garbage V8 lets stand that is measured, as much for the bare loop as for the others.`,
    "",
    ...targetTable(results),
    ...results.flatMap(section),
    `Versions: ${versions.join(", ")}.`,
  ]
  return `${text.join("\n")}\n`
}

function section(results: Results): string[] {
  const { title, what, few, many, figures } = results
  return [
    `## ${title}`,
    "",
    what,
    "",
    `| | CPU µs an item, ${count(few)} | × bare | items/s, at best | CPU µs an item, ${count(many)} | growth | peak memory |`,
    "|---|---:|---:|---:|---:|---:|---:|",
    ...figures.map((one) => `| ${cellsOf(one, results, bareUsOf(results)).join(" | ")} |`),
    "",
  ]
}

/** One line of a table. */
export function cellsOf(figures: Figures, { many }: Pick<Results, "many">, bareUs: number): string[] {
  const { name, most, failure } = figures
  if (failure !== undefined) return [name, `failed: ${failure.replaceAll("|", " ")}`, "–", "–", "–", "–", "–"]
  const fewUs = cpuOf(figures.few)
  const manyUs = cpuOf(figures.many)
  const fastestUs = Math.min(...figures.few.map(({ wallUs }: Taken) => wallUs))
  const times = median(fewUs) / bareUs
  const note = most === undefined ? "" : ` — ${count(most)} items only`
  return [
    name.startsWith("sluice") ? `**${name}**` : `${name}${note}`,
    spread(fewUs),
    `${times < 10 ? times.toFixed(1) : Math.round(times)} ×`,
    count(Math.round(1e6 / fastestUs)),
    manyUs.length > 0 ? spread(manyUs) : `(${extrapolated(fastestUs * many)} if it grows no worse)`,
    manyUs.length > 0 ? `${(median(manyUs) / median(fewUs)).toFixed(2)} ×` : "–",
    memory(figures),
  ]
}

function memory({ fewMemory, manyMemory, many }: Figures): string {
  if (fewMemory === "died" || manyMemory === "died") return "its process died"
  if (!fewMemory || !manyMemory) return "–"
  const after = `${manyMemory.peakMegabytes} MB (+${manyMemory.grownMegabytes})`
  return many.length > 0 ? `${fewMemory.peakMegabytes} → ${after}` : after
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
