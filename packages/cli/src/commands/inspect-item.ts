import type { JournalItem, SqliteJournal } from "@sluice/journal"
import { z } from "zod"
import { printableJson, printableText } from "../display/printable.ts"
import { countOf, formatDuration, formatUsd } from "../display/quantities.ts"
import { batchMessages } from "../question/batch-file.ts"
import { batchLineOf, isBatchLine } from "../question/batch-line.ts"
import { compileMessages, type PromptMessage, type Question } from "../question/compile-question.ts"
import { textOf } from "../question/prompt-template.ts"
import { keptOf, type StoredAnswer } from "../results/result-fields.ts"
import { batch } from "../results/result-files.ts"
import { usageError } from "../usage-error.ts"

/** `sluice inspect RUN --key KEY`: all that is known of one item, for people or as JSON. */
export async function inspectItem(
  journal: SqliteJournal,
  runId: string,
  { key, json }: { readonly key: string; readonly json: boolean },
): Promise<string> {
  const texts: string[] = []
  for (const item of itemsOf(journal, runId, key)) {
    const prompt = await promptOf(journal, runId, item)
    const parts = prompt?.map(({ role, content }) => block(role, content)) ?? []
    texts.push(
      json
        ? `${printableJson({ ...item, prompt })}\n`
        : printableText([headOf(item), ...parts, ...outcomeOf(item)].join("\n")),
    )
  }
  return texts.join(json ? "" : "\n")
}

/** By its key; or by its number, where it has no key. One for each of the columns that were compared. */
function itemsOf(journal: SqliteJournal, runId: string, key: string): JournalItem[] {
  const named = [...journal.items(runId, { key })]
  if (named.length > 0) return named
  const index = /^\d+$/.test(key) ? Number(key) : undefined
  const numbered: JournalItem[] = []
  if (index !== undefined) {
    const isCompared = journal.note(runId, "variants") !== undefined
    for (const item of journal.items(runId, { order: "input", fromIndex: index })) {
      if (item.index === index && item.key === undefined) numbered.push(item)
      else if (!isCompared) break
    }
  }
  if (numbered.length > 0) return numbered
  throw usageError(`${runId} has no settled item "${key}". It is open still, or has another key or number (from 0).`)
}

const texts = z.object({
  prompt: z.string().optional(),
  system: z.string().optional(),
  messages: z.array(z.object({ role: z.enum(["system", "user", "assistant"]), content: z.string() })),
  param: z.record(z.string(), z.string()),
})

function keptTexts(journal: SqliteJournal, runId: string, { variant }: JournalItem["params"]): unknown {
  if (typeof variant !== "string") return journal.note(runId, "texts")
  const variants = journal.note(runId, "variants") as Readonly<Record<string, { readonly texts?: unknown }>> | undefined
  return variants?.[variant]?.texts
}

/** As the texts of the last command of this run make it out of the item's input. */
async function promptOf(
  journal: SqliteJournal,
  runId: string,
  item: JournalItem,
): Promise<readonly PromptMessage[] | undefined> {
  const { input } = keptOf(item)
  if (item.node !== batch.node || !input) return undefined
  try {
    return (await keptMessages(journal, runId, item.params))?.(input, runId)
  } catch {
    // The prompt is another one since, and wants other fields.
    return undefined
  }
}

/** What the last command of this run asked about an input, where its journal says so; `params` are those of the item. */
export async function keptMessages(
  journal: SqliteJournal,
  runId: string,
  params: JournalItem["params"] = {},
): Promise<Question["messages"] | undefined> {
  const kept = texts.safeParse(keptTexts(journal, runId, params))
  if (!kept.success) return undefined
  const { prompt, messages } = kept.data
  const compiled = await compileMessages(kept.data)
  if (prompt !== undefined || messages.length > 0) return compiled
  return (input, where) => (isBatchLine(input) ? batchMessages(batchLineOf(input, where)) : compiled(input, where))
}

function headOf(item: JournalItem): string {
  const { key, index, status, attempts, cost, settledAtMs } = item
  const name = key === undefined ? `item ${index ?? ""}` : `item ${key} (number ${index ?? "?"})`
  const { variant } = item.params
  const column = typeof variant === "string" ? `, ${variant}` : ""
  const { inputTokens = 0, outputTokens = 0, usd } = cost ?? {}
  const money = usd === undefined ? "" : `, ${formatUsd(usd)}`
  const facts = [
    `${name}${column}: ${status} after ${countOf(attempts, "attempt")}, ${inputTokens} input and ${outputTokens} output tokens${money}`,
    `settled ${new Date(settledAtMs).toISOString()}`,
  ]
  if (item.status === "failed") return `${facts.join("\n")}\n`
  const {
    waitedMs,
    latencyMs,
    model,
    finishReason,
    requestId,
    failedChecks = [],
  } = keptOf(item) as Partial<StoredAnswer>
  if (waitedMs !== undefined) facts.push(`waited ${timeOf(waitedMs)} to be sent`)
  if (latencyMs !== undefined) facts.push(`answered in ${timeOf(latencyMs)}`)
  if (model !== undefined) facts.push(`by ${model}, finish reason ${finishReason ?? "unknown"}`)
  if (requestId !== undefined) facts.push(`request ${requestId}`)
  for (const check of failedChecks) facts.push(`fails the check ${check}`)
  return `${facts.join("\n")}\n`
}

function timeOf(ms: number): string {
  return ms < 10_000 ? `${ms} ms` : formatDuration(ms)
}

function outcomeOf(item: JournalItem): string[] {
  const { output } = keptOf(item)
  if (item.status === "ok") {
    const { errors = [] } = keptOf(item) as Partial<StoredAnswer>
    return [...attemptsOf(errors), block("answer", textOf(output === undefined ? item.value : output))]
  }
  const { message, errors = [] } = item.error
  return [
    ...attemptsOf(errors),
    ...(output === undefined ? [] : [block("what came", textOf(output))]),
    block("error", message),
  ]
}

function attemptsOf(errors: readonly { readonly message: string }[]): string[] {
  return errors.length === 0 ? [] : [block("attempts", errors.map(({ message }) => message).join("\n"))]
}

function block(name: string, text: string): string {
  return `[${name}]\n${text}\n`
}
