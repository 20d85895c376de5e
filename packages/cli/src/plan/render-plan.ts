import { pricesAsOf } from "@sluice/providers"
import { plainTable } from "../display/plain-table.ts"
import { countOf, formatCount, formatDuration, formatUsd } from "../display/quantities.ts"
import { parseModelName } from "../model/model-name.ts"
import type { RunPlan } from "./run-plan.ts"

const bars = "▁▂▃▄▅▆▇█"

/** A plan for people: two tables and a small chart. */
export function renderPlan(planned: RunPlan): string {
  const { calls, inputs, model, online, firstPrompt } = planned
  const of = calls === inputs ? "" : ` of ${countOf(inputs, "input")}`
  const blocks = [
    [
      `${countOf(calls, "item")}${of}, ${model}`,
      ...readAs(planned),
      ...planned.warnings.map((text) => `! ${text}`),
    ].join("\n"),
    totals(planned),
    [paceOf(planned), ...remarks(planned)].join("\n"),
    chart(online),
    savings(planned),
    `first prompt:\n${firstPrompt.map(({ role, content }) => `  ${role}: ${cut(content)}`).join("\n")}`,
  ]
  return `${blocks.filter((block) => block !== "").join("\n\n")}\n`
}

function cut(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)} …` : text
}

/** What was detected, where there was something to detect. */
function readAs({ read }: RunPlan): string[] {
  const ways = read.flatMap(({ format, encoding = "utf-8", delimiter }) => {
    if (encoding === "utf-8" && delimiter === undefined) return []
    const columns = delimiter === undefined ? "" : `, columns parted by ${JSON.stringify(delimiter)}`
    return [`${format} in ${encoding}${columns}`]
  })
  return ways.length === 0 ? [] : [`read as ${ways.join("; ")}`]
}

/** Of several models, which are asked side by side. */
export function renderTogether(plans: readonly RunPlan[], budgetUsd: number = Infinity): string {
  const calls = plans.reduce((sum, each) => sum + each.calls, 0)
  const timeMs = Math.max(...plans.map(({ online }) => online.timeMs))
  const usd = plans.reduce<number | undefined>(
    (sum, each) => (sum === undefined || each.usd === undefined ? undefined : sum + each.usd.online),
    0,
  )
  const cost = usd === undefined ? "a cost that is not known" : formatUsd(usd)
  const all = `All ${plans.length} models side by side: ${countOf(calls, "item")}, ${cost}, ${formatDuration(timeMs)}.`
  return usd === undefined || usd <= budgetUsd ? all : `${all} ${budgetEnds((calls * budgetUsd) / usd)}`
}

function budgetEnds(after: number): string {
  return `The budget ends the run after about ${countOf(Math.floor(after), "item")}.`
}

function totals({ calls, tokens, usd, online, batch, answerTokens, hasBatchApi }: RunPlan): string {
  const { each, from } = answerTokens
  const how = {
    "answer-tokens": "",
    "max-output-tokens": " at most",
    requests: " at most, as the requests say",
    assumed: ", assumed",
  }[from]
  const dollars = (amount: number | undefined): string => (amount === undefined ? "?" : formatUsd(amount))
  const batchTime = `about ${formatDuration(batch.typicalMs)}, at most ${formatDuration(batch.atMostMs)}`
  const input = formatCount(tokens.input)
  const output = formatCount(tokens.output)
  const batches = `${formatCount(batch.jobs)} ${batch.jobs === 1 ? "batch" : "batches"}`
  const rows = [
    ["", "online", "batch API"],
    ["time", formatDuration(online.timeMs), batchTime],
    ["cost", dollars(usd?.online), dollars(usd?.batch)],
    ["sent as", countOf(calls, "call"), batches],
    ["tokens in", input, input],
    ["tokens out", `${output} (${each} an answer${how})`, output],
  ].map((row) => (hasBatchApi ? row : row.slice(0, 2)))
  const table = plainTable(rows[0]!)
  table.push(...rows.slice(1))
  return table.toString()
}

function paceOf({ online, suggestedConcurrency, hasLimits }: RunPlan): string {
  const { boundBy, meanInFlight, maxInFlight } = online
  const flight = `${meanInFlight.toFixed(1)} in flight on average, ${maxInFlight} at most`
  if (!hasLimits) {
    return `No limits given: the time is that of a vendor that refuses nothing; the pace is learned from its answers. ${flight}.`
  }
  if (boundBy === "concurrency") return `--concurrency decides: ${flight}.`
  const limit = inWords(boundBy)
  const decides =
    boundBy === "latency" ? "The vendor's latency decides" : `${limit[0]!.toUpperCase()}${limit.slice(1)} decide`
  return `${decides}: ${flight}. A fixed --concurrency would have to be ${suggestedConcurrency}.`
}

/** `requests per minute` of `requestsPerMinute`, as the display of a run calls it. */
function inWords(limit: string): string {
  return limit.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function remarks({ calls, usd, model, online, budgetEndsAfter, tooDear }: RunPlan): string[] {
  const { id } = parseModelName(model)
  return [
    usd === undefined
      ? `No price is known for ${id}; put one into sluice.config.json.`
      : `List prices of ${pricesAsOf}.`,
    ...(tooDear === undefined
      ? []
      : [
          `Nothing would be sent: one call may cost ${formatUsd(tooDear.callUsd)}, and the whole budget is ${formatUsd(tooDear.budgetUsd)}. Raise the budget, or say how long an answer may be: --max-output-tokens.`,
        ]),
    ...(budgetEndsAfter === undefined ? [] : [budgetEnds(budgetEndsAfter)]),
    ...(online.simulatedCalls < calls
      ? [`${formatCount(online.simulatedCalls)} of the calls were simulated; the rest is taken to go at their pace.`]
      : []),
  ]
}

function chart({ timeMs, timeline: { stretchMs, started } }: RunPlan["online"]): string {
  if (started.length < 2) return ""
  const most = Math.max(...started)
  const line = started.map((count) => (count === 0 ? " " : bars[Math.ceil((count / most) * bars.length) - 1])).join("")
  // The last stretch is begun, and need not be whole.
  const end = formatDuration(Math.min(started.length * stretchMs, timeMs)).padStart(Math.max(6, started.length - 4))
  return `calls started in each ${formatDuration(stretchMs)}, at most ${formatCount(most)}\n${line}\n0:00${end}`
}

function savings({ savings: all, online }: RunPlan): string {
  if (all.length === 0) return ""
  const table = plainTable(["change", "time", "saves"])
  const seconds = (ms: number): number => Math.round(ms / 1_000)
  for (const { change, timeMs, savesUsd } of all) {
    // Of the times as they stand there: whoever subtracts comes to the same.
    const saved = seconds(online.timeMs) - seconds(timeMs)
    const gains = [...(saved > 0 ? [formatDuration(saved * 1_000)] : []), ...(savesUsd ? [formatUsd(savesUsd)] : [])]
    table.push([inWords(change), formatDuration(timeMs), gains.join(", ") || "nothing"])
  }
  return table.toString()
}
