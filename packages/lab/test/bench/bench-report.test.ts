import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { reportText, type RunFacts } from "../../bench/quota/report-text.ts"
import type { Row } from "../../bench/quota/run-pair.ts"
import { writeReport } from "../../bench/quota/write-report.ts"

const facts: RunFacts = {
  flags: "--short",
  machine: "2026-11-24, a machine",
  isBusy: false,
  scale: { speed: 4, share: 0.1 },
  lanes: 1,
}

function row(contestant: string, scenario: string, rest: Partial<Row> = {}): Row {
  const { lost = 0 } = rest
  return {
    contestant,
    scenario,
    title: `${scenario}, told`,
    isTold: true,
    neverEnds: false,
    calls: 200,
    answered: 200 - lost,
    oracleMs: 10_000,
    timeMs: 10_000 * (rest.ratio ?? 1),
    ratio: 1,
    refused: 0,
    lost,
    repeated: 0,
    isStopped: false,
    refusedByReason: {},
    maxInFlight: 20,
    timeline: [],
    errors: [],
    peakRssBytes: 2 ** 27,
    idleRssBytes: 2 ** 26,
    cpuSeconds: 1.5,
    lateMs: 0.4,
    events: {},
    trace: [],
    ...rest,
  }
}

/** The cells of the first table line that begins so, below a heading if one is told. */
function cells(text: string, begin: string, below = ""): string[] {
  const line = text
    .slice(text.indexOf(below))
    .split("\n")
    .find((one) => one.startsWith(`| ${begin}`))
  return (line ?? "")
    .split("|")
    .slice(2, -1)
    .map((cell) => cell.trim())
}

const vendorDied = { lost: NaN, answered: 0, refused: NaN, repeated: NaN, ratio: NaN, failure: "the vendor failed" }
const crashed = { lost: 200, answered: 0, ratio: NaN, refused: 9, failure: "its process ended early (SIGKILL)" }

const rows = [
  row("sluice", "requests", { ratio: 1.0312 }),
  row("quick", "requests", { ratio: 0.39, lost: 150, refused: 500, errors: [["429 `slow`", 150]] }),
  row("steady", "requests", { ratio: 1.3 }),
  row("sluice", "tokens", { ratio: 1.2, refused: 4, repeated: 1 }),
  row("quick", "tokens", crashed),
  row("steady", "tokens", { ratio: 1.1 }),
  row("sluice", "money", {
    neverEnds: true,
    lost: 150,
    ratio: NaN,
    oracleMs: Infinity,
    refusedByReason: { billing: 3 },
  }),
  row("quick", "money", { neverEnds: true, lost: 150, ratio: NaN, refusedByReason: { billing: 450 } }),
  row("steady", "money", { neverEnds: true, ...vendorDied }),
]
const text = reportText(rows, facts, [])

test("at a glance: time and lost calls in one cell, brackets where it cannot be compared, the fastest honest one in bold", () => {
  expect(cells(text, "", "At a glance")).toEqual(["sluice", "quick", "steady"])
  expect(cells(text, "requests, told")).toEqual(["**1.03**", "*(0.39)* 150 lost", "1.30"])
  expect(cells(text, "tokens, told")).toEqual(["1.20", "failed, 200 lost", "**1.10**"])
  expect(cells(text, "money, told")).toEqual(["50 answered, 3 in vain", "50 answered, 450 in vain", "no figures"])
})

test("at a glance: sums over all scenarios, who crashed included and who has no figures not", () => {
  expect(cells(text, "*lost in all*")).toEqual(["0 of 400", "350 of 400", "0 of 400"])
  expect(cells(text, "*refused for each 100")).toEqual(["0.9", "509.0", "0.0"])
  expect(cells(text, "*times, where nothing was lost*")).toEqual(["1.03–1.20 (2 of 2)", "–", "1.10–1.30 (2 of 2)"])
})

test("says where sluice misses its targets and who was faster, but not who was faster by giving up", () => {
  const [, verdict = ""] = /## Where sluice misses its targets([\s\S]*?)## requests/.exec(text) ?? []
  expect(verdict.split("\n").filter((line) => line.startsWith("- "))).toEqual([
    "- tokens, told: 1.200 × the oracle, where 1.05 is allowed",
    "- tokens, told: 4 refused of 200 answered",
    "- tokens, told: 1 answered twice",
    "- tokens, told: steady lost nothing and took 1.10 × the oracle, sluice 1.20 ×",
  ])
  const ours = (rest: Partial<Row>) => reportText([row("sluice", "requests", rest)], facts, [])
  expect(ours({})).toContain("None missed in this run.")
  expect(ours({ lost: 1 })).toContain("- requests, told: 1 lost")
  expect(ours(crashed)).toMatch(
    /- requests, told: its process ended early.*\n- requests, told: 9 refused of 0.*\n.*200 lost/,
  )
  expect(ours({ ratio: 1.1, isTold: false })).toContain("None missed in this run.")
  expect(ours({ ratio: 1.16, isTold: false })).toContain("1.160 × the oracle, where 1.15 is allowed")
  expect(reportText([row("steady", "requests")], facts, [])).toContain("sluice did not take part")
})

test("each scenario: a row for who crashed, with what the vendor counted and why there is no more", () => {
  expect(cells(text, "quick", "## tokens")).toEqual(["– failed", "9 / 0", "200", "0", "20", "–", "–"])
  expect(text).toContain("- quick: its process ended early (SIGKILL); its answers are lost with it")
  expect(cells(text, "quick", "## requests")).toEqual([
    "*(0.39)*",
    "500 / 50 (1000.0 %)",
    "150",
    "0",
    "20",
    "128 MB",
    "1.5 s",
  ])
  expect(text).toContain("- quick gave up 150 calls with `429 'slow'`")
  expect(cells(text, "steady", "## money")[0]).toBe("no figures")
})

test("a busy machine is said before any figure", () => {
  const busy = reportText([row("sluice", "requests")], { ...facts, isBusy: true }, [])
  expect(busy.indexOf("Do not quote these figures")).toBeGreaterThan(0)
  expect(busy.indexOf("Do not quote these figures")).toBeLessThan(busy.indexOf("At a glance"))
  expect(text).not.toContain("Do not quote")
})

test("writes the page and its charts; a bar that cannot be compared is pale and says so", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-report-"))
  try {
    await writeReport(rows, facts, folder)
    const charts = ["quota-lost.svg", "quota-refused.svg", "quota-time.svg"]
    expect(readdirSync(folder).toSorted()).toEqual([...charts, "quota.md"])
    const page = readFileSync(join(folder, "quota.md"), "utf8")
    for (const chart of charts) expect(page).toContain(`](${chart})`)
    const svg = readFileSync(join(folder, "quota-time.svg"), "utf8")
    expect(svg).toMatch(/^<svg/)
    expect(svg).toContain(">(0.39) 150 lost<")
    expect(svg).toContain(">1.03<")
    // One of the five that have a time.
    expect(svg.match(/opacity="0\.35"/g)).toHaveLength(1)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
