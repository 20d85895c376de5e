import Table from "cli-table3"
import { pricesAsOf } from "@sluice/providers"
import { countOf, formatCount, formatDuration } from "../display/quantities.ts"
import { parseModelName } from "../model/model-name.ts"
import type { RunPlan } from "./run-plan.ts"

const bars = "▁▂▃▄▅▆▇█"

/** A plan for people: two tables and a small chart. */
export function renderPlan(planned: RunPlan): string {
  const { calls, inputs, model, online, firstPrompt } = planned
  const blocks = [
    `${countOf(calls, "item")} from ${countOf(inputs, "input")}, ${model}`,
    totals(planned),
    [paceOf(planned), ...remarks(planned)].join("\n"),
    chart(online),
    savings(planned),
    `first item:\n${firstPrompt.map(({ role, content }) => `  ${role}: ${content.slice(0, 200)}`).join("\n")}`,
  ]
  return `${blocks.filter((block) => block !== "").join("\n\n")}\n`
}

function totals({ tokens, usd, online, batch, answerTokens, hasBatchApi }: RunPlan): string {
  const { each, from } = answerTokens
  const how = { "answer-tokens": "", "max-output-tokens": " at most", assumed: ", assumed" }[from]
  const dollars = (amount: number | undefined): string => (amount === undefined ? "?" : `$${amount.toFixed(2)}`)
  const batchTime = `about ${formatDuration(batch.typicalMs)}, at most ${formatDuration(batch.atMostMs)}`
  const table = plainTable(["", "online", ...(hasBatchApi ? ["batch API"] : [])])
  table.push(
    ["time", formatDuration(online.timeMs), ...(hasBatchApi ? [batchTime] : [])],
    ["cost", dollars(usd?.online), ...(hasBatchApi ? [dollars(usd?.batch)] : [])],
    ["tokens in", formatCount(tokens.input), ...(hasBatchApi ? [countOf(batch.jobs, "job")] : [])],
    ["tokens out", `${formatCount(tokens.output)} (${each} an answer${how})`, ...(hasBatchApi ? [""] : [])],
  )
  return table.toString()
}

function paceOf({ online, suggestedConcurrency, hasLimits }: RunPlan): string {
  const { boundBy, meanInFlight, maxInFlight } = online
  const flight = `${meanInFlight.toFixed(1)} in flight on average, ${maxInFlight} at most`
  if (!hasLimits) {
    return `No limits given: the time is that of a vendor that refuses nothing; the pace is learned from its answers. ${flight}.`
  }
  const decides = boundBy === "latency" ? "The vendor's latency decides" : `${boundBy} decides`
  return `${decides}: ${flight}. A fixed --concurrency would have to be ${suggestedConcurrency}.`
}

function remarks({ calls, usd, model, online, budgetEndsAfter }: RunPlan): string[] {
  const { id } = parseModelName(model)
  return [
    usd === undefined
      ? `No price is known for ${id}; put one into sluice.config.json.`
      : `List prices of ${pricesAsOf}.`,
    ...(budgetEndsAfter === undefined
      ? []
      : [`The budget ends the run after about ${formatCount(budgetEndsAfter)} items.`]),
    ...(online.simulatedCalls < calls
      ? [`${formatCount(online.simulatedCalls)} of the calls were simulated; the rest is taken to go at their pace.`]
      : []),
  ]
}

function chart({ timeline: { stretchMs, started } }: RunPlan["online"]): string {
  if (started.length < 2) return ""
  const most = Math.max(...started)
  const line = started.map((count) => (count === 0 ? " " : bars[Math.ceil((count / most) * bars.length) - 1])).join("")
  const perMinute = formatCount((most * 60_000) / stretchMs)
  const end = formatDuration(started.length * stretchMs).padStart(Math.max(6, started.length - 4))
  return `calls started, at most ${perMinute} a minute\n${line}\n0:00${end}`
}

function savings({ savings: all }: RunPlan): string {
  if (all.length === 0) return ""
  const table = plainTable(["change", "time", "saves"])
  for (const { change, timeMs, savesMs, savesUsd } of all) {
    const saved = [
      savesMs >= 1_000 ? formatDuration(savesMs) : "nothing",
      ...(savesUsd ? [`$${savesUsd.toFixed(2)}`] : []),
    ]
    table.push([change, formatDuration(timeMs), saved.join(", ")])
  }
  return table.toString()
}

function plainTable(head: string[]): Table.Table {
  return new Table({ head, style: { head: [], border: [], compact: true } })
}
