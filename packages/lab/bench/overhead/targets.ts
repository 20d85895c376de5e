import { cpuOf, median, type Figures, type Results } from "./results.ts"

interface Target {
  readonly what: string
  readonly unit: string
  /** `[allowed, reached]`; NaN where it was not measured. */
  readonly of: (named: (title: string, name: string) => Figures | undefined) => readonly [number, number]
}

const manyUs = (figures: Figures | undefined): number => median(cpuOf(figures?.many ?? []))

const grown = (memory: Figures["fewMemory"]): number => (typeof memory === "object" ? memory.grownMegabytes : NaN)

const targets: readonly Target[] = [
  {
    what: "admit and settle over four dimensions",
    unit: "µs",
    of: (named) => [0.5, manyUs(named("Admission that nobody contends for", "sluice quota, admit + settle"))],
  },
  {
    what: "an item of `parallelMap` under a quota, as p-limit's fed by pulling loops",
    unit: "µs",
    of: (named) => [
      manyUs(named("Many items", "p-limit, fed by pulling loops")),
      manyUs(named("Many items", "sluice parallelMap under a quota")),
    ],
  },
  {
    what: "an item of a batch, as p-map's",
    unit: "µs",
    of: (named) => [
      manyUs(named("Many items", "p-map (keeps all results)")),
      manyUs(named("Many items", "sluice batch, streamed")),
    ],
  },
  {
    what: "memory of a streamed batch beyond what few items take",
    unit: "MB",
    of(named) {
      const { fewMemory, manyMemory } = named("Many items", "sluice batch, streamed") ?? {}
      // What the libraries take as they load differs from process to process by more than this.
      return [30, grown(manyMemory) - grown(fewMemory)]
    },
  },
  {
    what: "a node of a long chain, twice pocketflow's",
    unit: "µs",
    of: (named) => [
      2 * manyUs(named("Node transitions", "pocketflow nodes")),
      manyUs(named("Node transitions", "sluice steps")),
    ],
  },
]

/** What this project asks of itself, and whether it was reached in this run. */
export function targetTable(results: readonly Results[]): string[] {
  const named = (title: string, name: string): Figures | undefined =>
    results.find((one) => one.title === title)?.figures.find((one) => one.name === name)
  return [
    "## Targets of sluice, kept or missed",
    "",
    "At the larger number of items.",
    "",
    "| | at most | reached | |",
    "|---|---:|---:|---|",
    ...targets.map(({ what, unit, of }) => {
      const [allowed, reached] = of(named)
      const cells = [allowed, reached].map((value) => (Number.isFinite(value) ? `${figure(value)} ${unit}` : "–"))
      return `| ${[what, ...cells, verdict(allowed, reached)].join(" | ")} |`
    }),
    "",
  ]
}

function verdict(allowed: number, reached: number): string {
  if (!Number.isFinite(allowed) || !Number.isFinite(reached)) return "not measured"
  return reached <= allowed ? "kept" : `**missed** by ${Math.ceil(100 * (reached / allowed - 1))} %`
}

function figure(value: number): string {
  return value < 10 ? value.toFixed(2) : value.toFixed(0)
}
