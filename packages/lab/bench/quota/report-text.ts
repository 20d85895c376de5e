import { packageVersion } from "../machine.ts"
import type { Scale } from "./bench-scenario.ts"
import { contestants } from "./contestants.ts"
import type { Row } from "./run-pair.ts"
import { isComparable, summaryTable, tableLine, timeOf } from "./summary-table.ts"

export interface RunFacts {
  /** As typed, as far as they change the result. */
  readonly flags: string
  readonly machine: string
  /** More ready to run than there are cores, before it began. */
  readonly isBusy: boolean
  readonly scale: Scale
  readonly lanes: number
}

export interface Chart {
  readonly file: string
  readonly title: string
}

const OURS = "sluice"

/** The whole report as Markdown: everybody at a glance, the verdict on our own targets, then each scenario. */
export function reportText(rows: readonly Row[], facts: RunFacts, charts: readonly Chart[]): string {
  const scenarios = Map.groupBy(rows, ({ scenario }) => scenario)
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
    "## At a glance",
    "",
    ...summaryTable(rows),
    ...verdict(rows),
    ...charts.map(({ file, title }) => `![${title}](${file})\n`),
    ...[...scenarios.values()].flatMap(section),
    ...method(facts, rows),
  ]
  return `${text.join("\n").trimEnd()}\n`
}

function intro({ scale, lanes }: RunFacts): string {
  const size = `Each scenario of the lab with its clock ${scale.speed} times as fast and ${Math.round(scale.share * 100)} % of its calls`
  const turns = lanes === 1 ? "one contestant after the other" : `${lanes} contestants at a time`
  return `${size}; ${turns}, each against a vendor of its own. A row is one run: differences of a few per cent are noise.`
}

/** Our own targets, kept or not. */
function verdict(rows: readonly Row[]): string[] {
  const ours = rows.filter(({ contestant }) => contestant === OURS)
  const missed = ours.flatMap(missedTargets)
  const better = ours
    .filter(isComparable)
    .flatMap((own) =>
      rows
        .filter((row) => row.scenario === own.scenario && isComparable(row) && row.ratio < own.ratio)
        .map(
          (row) =>
            `- ${row.title}: ${row.contestant} lost nothing and took ${row.ratio.toFixed(2)} × the oracle, sluice ${own.ratio.toFixed(2)} ×`,
        ),
    )
  if (ours.length === 0) return ["sluice did not take part in this run.", ""]
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
  const missed: string[] = []
  if (row.failure !== undefined) missed.push(row.failure)
  const allowed = row.isTold ? 1.05 : 1.15
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
    ...rows.filter(({ failure }) => failure !== undefined).map(failureLine),
    ...rows.filter(({ errors }) => errors.length > 0).map(errorLine),
    "",
  ]
}

function line(row: Row): string {
  const { failure, neverEnds, isStopped, lost, refused, answered, repeated, maxInFlight } = row
  const name = row.contestant === OURS ? `**${row.contestant}**` : row.contestant
  if (Number.isNaN(lost)) return tableLine([name, "no figures", ...Array.from({ length: 6 }, () => "–")])
  const time = neverEnds || failure !== undefined ? "–" : lost > 0 ? `*(${timeOf(row)})*` : timeOf(row)
  const reported = failure === undefined
  return tableLine([
    name,
    `${time}${isStopped ? " stopped" : ""}${reported ? "" : " failed"}`,
    `${refused} / ${answered}${answered > 0 ? ` (${((100 * refused) / answered).toFixed(1)} %)` : ""}`,
    lost,
    repeated,
    maxInFlight,
    reported ? `${Math.round(row.peakRssBytes / 2 ** 20)} MB` : "–",
    reported ? `${row.cpuSeconds.toFixed(1)} s` : "–",
  ])
}

function failureLine({ contestant, lost, failure = "" }: Row): string {
  return Number.isNaN(lost)
    ? `- ${contestant}: ${failure}`
    : `- ${contestant}: ${failure}; its answers are lost with it`
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
    "- Where a minute is fixed, the oracle sends all prompts that fit at its beginning; what their answers take beyond the limit is forgiven with the minute. Who reserves answers before they come does not overdraw, and takes 1.09 to 1.10 times as long.",
    `- Scale: rates are ${scale.speed} times the lab's, told and in headers alike per real minute; standing bursts, windows and the moments at which things happen shrink with it, latencies are divided by ${scale.speed}. Delays that are built into a library (retry backoff) are not scaled: they weigh more than in a run at full length.`,
    "- A time *in brackets* belongs to a contestant that lost calls: it says how long the others took, and cannot be compared.",
    `- Waiting for the processor: in the contestant's process that waited most, 99 of 100 timers were less than ${Math.ceil(latest)} ms late.`,
    "- Whoever is not done after 4 times the oracle's time and 20 s is stopped; what it has not answered then is lost. Whoever crashes or hangs loses all.",
    "- Each contestant is set up as its own documentation shows: 20 calls at once (20 calls of 2.4 s are 500 a minute) for p-limit, Bottleneck and LangChain, with default retries unless its name says otherwise; Bottleneck and p-queue also get the requests per minute (`minTime`, `intervalCap`) where a scenario tells them, and p-queue 20 at once where not. sluice gets the limits that are told, no number of calls at once, and retries by itself.",
    "- Peak memory is the process's resident set, Node and libraries included; CPU from the first call on.",
    `- ${used.map(packageVersion).join(", ")}.`,
  ]
}
