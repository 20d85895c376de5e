import { mkdirSync, writeFileSync } from "node:fs"
import path from "node:path"
import { packageVersion } from "../machine.ts"
import type { Scale } from "./bench-scenario.ts"
import { contestants } from "./contestants.ts"
import { barChart } from "./bar-chart.ts"
import type { Row } from "./run-pair.ts"

export interface RunFacts {
  /** As typed, as far as they change the result. */
  readonly flags: string
  readonly machine: string
  /** More ready to run than there are cores, before it began. */
  readonly isBusy: boolean
  readonly scale: Scale
  readonly lanes: number
}

const OURS = "sluice"

/** Table, verdict on our own targets, and charts. */
export async function writeReport(rows: readonly Row[], facts: RunFacts, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const names = [...new Set(rows.map(({ scenario }) => scenario))]
  const charts = [
    {
      file: "quota-time.svg",
      title: "Time / oracle (1 is the least possible; less is better)",
      of: (row: Row) => row.ratio,
    },
    {
      file: "quota-refused.svg",
      title: "Refused calls per 100 answered (less is better)",
      of: (row: Row) => (100 * row.refused) / row.answered,
    },
    {
      file: "quota-lost.svg",
      title: "Calls lost, of 100 (less is better)",
      of: (row: Row) => (100 * row.lost) / row.calls,
    },
  ]
  for (const { file, title, of } of charts) {
    const bars = rows
      .filter((row) => !row.neverEnds && Number.isFinite(of(row)))
      .map((row) => ({ group: row.title, name: row.contestant, value: of(row) }))
    writeFileSync(
      path.join(folder, file),
      await barChart(
        title,
        bars,
        contestants.map(({ name }) => name),
      ),
    )
  }
  const text = [
    "# Who uses a quota best",
    "",
    facts.machine + ".",
    "",
    `Written by \`pnpm bench:quota ${facts.flags}\`. ${intro(facts)}`,
    "",
    ...(facts.isBusy
      ? [
          "**The machine was busy with other work: every process waited for the processor, so times are longer and calls reach the vendor later and less evenly than they would. Do not quote these figures; run it again.**",
          "",
        ]
      : []),
    ...charts.map(({ file, title }) => `![${title}](${file})\n`),
    ...verdict(rows),
    ...names.flatMap((name) => section(rows.filter((row) => row.scenario === name))),
    ...method(facts, rows),
  ]
  writeFileSync(path.join(folder, "quota.md"), `${text.join("\n").trimEnd()}\n`)
}

function intro({ scale, lanes }: RunFacts): string {
  const size = `Each scenario of the lab with its clock ${scale.speed} times as fast and ${Math.round(scale.share * 100)} % of its calls`
  return `${size}; ${lanes} contestants ran at a time, each against a vendor of its own. A row is one run: differences of a few per cent are noise.`
}

/** Our own targets, kept or not. */
function verdict(rows: readonly Row[]): string[] {
  const missed = rows.filter(({ contestant }) => contestant === OURS).flatMap(missedTargets)
  const better = rows
    .filter(({ contestant, neverEnds }) => contestant === OURS && !neverEnds)
    .flatMap((ours) =>
      rows
        .filter((row) => row.scenario === ours.scenario && row.lost === 0 && row.ratio < ours.ratio)
        .map(
          (row) =>
            `- ${row.title}: ${row.contestant} lost nothing and took ${row.ratio.toFixed(2)} × the oracle, sluice ${ours.ratio.toFixed(2)} ×`,
        ),
    )
  return [
    "## Where sluice misses its targets",
    "",
    "Targets: at most 1.05 × the oracle where the limits are told and true, 1.15 × where they must be learned; at most 0.5 % refused; nothing lost, nothing answered twice.",
    "",
    ...(missed.length > 0 ? missed : ["None missed in this run."]),
    "",
    "## Where another was faster than sluice and lost nothing",
    "",
    ...(better.length > 0 ? better : ["Nowhere in this run."]),
    "",
  ]
}

function missedTargets(row: Row): string[] {
  if (row.failure !== undefined) return [`- ${row.title}: ${row.failure}`]
  const allowed = row.isTold ? 1.05 : 1.15
  const missed: string[] = []
  if (!row.neverEnds && row.ratio > allowed)
    missed.push(`${row.ratio.toFixed(3)} × the oracle, where ${allowed} is allowed`)
  if (row.refused > 0.005 * row.answered) missed.push(`${row.refused} refused of ${row.answered} answered`)
  if (!row.neverEnds && row.lost > 0) missed.push(`${row.lost} lost`)
  if (row.repeated > 0) missed.push(`${row.repeated} answered twice`)
  return missed.map((what) => `- ${row.title}: ${what}`)
}

function section(rows: readonly Row[]): string[] {
  const first = rows[0]
  if (!first) return []
  const oracle = Number.isFinite(first.oracleMs) ? `; the oracle needs ${(first.oracleMs / 1000).toFixed(1)} s` : ""
  return [
    `## ${first.title}`,
    "",
    `${first.calls} calls${oracle}.`,
    "",
    "| | time / oracle | refused / answered | lost | answered twice | most in flight | peak memory | CPU |",
    "|---|---:|---:|---:|---:|---:|---:|---:|",
    ...rows.map(line),
    "",
    ...rows.filter(({ errors }) => errors.length > 0).map(errorLine),
    "",
  ]
}

function line(row: Row): string {
  const name = row.contestant === OURS ? `**${row.contestant}**` : row.contestant
  if (row.failure !== undefined) return `| ${name} | no figures: ${row.failure} | – | – | – | – | – | – |`
  const ratio = row.neverEnds ? "–" : `${row.ratio.toFixed(2)}${row.isStopped ? " (stopped)" : ""}`
  const refused = `${row.refused} / ${row.answered} (${((100 * row.refused) / Math.max(1, row.answered)).toFixed(1)} %)`
  const megabytes = Math.round(row.peakRssBytes / 2 ** 20)
  const cells = [
    name,
    ratio,
    refused,
    row.lost,
    row.repeated,
    row.maxInFlight,
    `${megabytes} MB`,
    `${row.cpuSeconds.toFixed(1)} s`,
  ]
  return `| ${cells.join(" | ")} |`
}

function errorLine({ contestant, errors }: Row): string {
  const [message, count] = errors[0] ?? ["", 0]
  return `- ${contestant} gave up ${count} calls with \`${message.replaceAll("`", "'")}\``
}

function method({ scale }: RunFacts, rows: readonly Row[]): string[] {
  const latest = Math.max(0, ...rows.flatMap(({ lateMs }) => (Number.isFinite(lateMs) ? [lateMs] : [])))
  const used = [...new Set(contestants.flatMap(({ packages }) => packages))].filter(
    (name) => !name.startsWith("@sluice"),
  )
  return [
    "## How it was measured",
    "",
    "- The vendor is the lab's HTTP server on loopback, in a process of its own for each run, speaking OpenAI's chat completions; every contestant is a process of its own too. The vendor counts refusals, answers and repeats; the contestant counts the answers it has in hand, and its time runs from its first call to its last answer.",
    "- The oracle knows every limit, moment and answer in advance and sends first come, first served, over a network without delay.",
    `- Scale: rates are ${scale.speed} times the lab's, told and in headers alike per real minute; standing bursts, windows and the moments at which things happen shrink with it, latencies are divided by ${scale.speed}. Delays that are built into a library (retry backoff) are not scaled: they weigh more than in a run at full length.`,
    "- *time / oracle* of a contestant that lost calls says how long the others took: read it together with *lost*.",
    `- Waiting for the processor: in the contestant's process that waited most, 99 of 100 timers were less than ${Math.ceil(latest)} ms late.`,
    "- Whoever is not done after 4 times the oracle's time and 20 s is stopped; what it has not answered then is lost.",
    "- Each contestant is set up as its own documentation shows: 20 calls at once (20 calls of 2.4 s are 500 a minute) for p-limit, Bottleneck and LangChain, with default retries unless its name says otherwise; Bottleneck and p-queue also get the requests per minute (`minTime`, `intervalCap`) where a scenario tells them, and p-queue 20 at once where not. sluice gets the limits that are told, no number of calls at once, and retries by itself.",
    "- Peak memory is the process's resident set, Node and libraries included; CPU from the first call on.",
    `- ${used.map(packageVersion).join(", ")}.`,
  ]
}
