import type { EventSink, SluiceEvent } from "@sluice/core"
import { redactSecrets } from "@sluice/journal"
import type { LimitedFetch } from "@sluice/providers"
import { createDisplay } from "../display/create-display.ts"
import { printableJson, printableText } from "../display/printable.ts"
import { formatUsd } from "../display/quantities.ts"
import { quotaReading } from "../display/quota-reading.ts"
import type { BulkRunResult } from "./bulk-run.ts"
import { keysIn } from "../model/model-name.ts"
import { batch } from "../results/result-files.ts"
import type { RunOptions } from "./run-options.ts"
import { Spending } from "../model/spending.ts"
import type { Terminal } from "../display/terminal.ts"

export interface Progress {
  readonly observe: EventSink
  print(line: string): void
  stop(): void
  summary(result: BulkRunResult | undefined, facts: SummaryFacts): void
}

interface SummaryFacts {
  readonly out: string
  readonly journal: string | undefined
  readonly interrupted: boolean
}

export interface ProgressOptions {
  readonly terminal: Terminal
  readonly options: RunOptions
  readonly title: string
  readonly total: number | undefined
  readonly fetch: LimitedFetch
}

/** What is seen of a run, on standard error: the live display, plain lines in a pipe, `--json` events, or nothing. */
export function openProgress({ terminal, options, title, total, fetch }: ProgressOptions): Progress {
  const { stderr, clock, env } = terminal
  const secrets = keysIn(env)
  const line = (text: string): void => void stderr.write(`${printableText(redactSecrets(text, secrets))}\n`)
  // Before it is JSON: no quote or backslash in a key hides it.
  const jsonLine = (value: unknown): void =>
    void stderr.write(
      `${printableJson(value, (_name, part) => (typeof part === "string" ? redactSecrets(part, secrets) : plainError(part)))}\n`,
    )
  const nothing = (): void => {}
  const spending = new Spending()
  const summary = (result: BulkRunResult | undefined, facts: SummaryFacts): void =>
    line(summaryOf(result, facts, spending))
  if (options.quiet) return { observe: nothing, print: nothing, stop: nothing, summary: nothing }
  if (options.json) {
    const observe: EventSink = (event) => {
      spending.observe(event)
      jsonLine(event)
    }
    const end = (result: BulkRunResult | undefined, facts: SummaryFacts): void =>
      jsonLine({ type: "summary", ...result, ...facts, spent: spending.total })
    return { observe, print: nothing, stop: nothing, summary: end }
  }
  const display = createDisplay({
    stream: stderr,
    clock,
    title,
    unit: "item",
    node: batch.node,
    total: () => total,
    quotas: () => fetch.snapshot().map(quotaReading),
  })
  return {
    observe(event) {
      spending.observe(event)
      display.observe(redactEvent(event, secrets))
    },
    print: (text) => display.print(redactSecrets(text, secrets)),
    stop: () => display.stop(),
    summary,
  }
}

/** The words of vendors and files in an event without the keys that they repeat. */
function redactEvent(event: SluiceEvent, secrets: readonly string[]): SluiceEvent {
  if (event.type === "warning") return { ...event, message: redactSecrets(event.message, secrets) }
  if (event.type !== "item-end" && event.type !== "http-attempt") return event
  const { error } = event
  if (error === undefined) return event
  const text = error instanceof Error ? error.message : typeof error === "string" ? error : JSON.stringify(error)
  return { ...event, error: redactSecrets(text, secrets) }
}

function plainError(value: unknown): unknown {
  if (!(value instanceof Error)) return value
  return { name: value.name, message: value.message, ...("code" in value && { code: value.code }) }
}

function summaryOf(
  result: BulkRunResult | undefined,
  { out, journal, interrupted }: SummaryFacts,
  { total }: Spending,
): string {
  const { ok = 0, failed = 0, replayed = 0, stopped } = result ?? {}
  const parts = [
    interrupted ? "Interrupted." : stopped ? `Stopped: ${stopped.message}` : "Done.",
    `${ok} ok, ${failed} failed${replayed > 0 ? `, of these ${replayed} from before` : ""}.`,
    ...spentOf(total),
    ...(out === "-" ? [] : [`Results: ${out}${failed > 0 ? `; failures: ${out}.failed.jsonl` : ""}.`]),
  ]
  if (journal !== undefined && (interrupted || stopped)) parts.push("The same command goes on from here.")
  if (journal !== undefined && failed > 0) parts.push("--retry-failed tries the failed ones again.")
  return parts.join(" ")
}

/** `$0.0123 spent, of it $0.0100 for 200 answers from vendor batches.` */
function spentOf({ usd, batchUsd, batchAnswers }: Spending["total"]): string[] {
  const answers = `${batchAnswers} answer${batchAnswers === 1 ? "" : "s"} from vendor batches`
  if (usd === undefined) return batchAnswers > 0 ? [`${answers}.`] : []
  const batches = batchUsd === undefined ? "" : `, of it ${formatUsd(batchUsd)} for ${answers}`
  return [`${formatUsd(usd)} spent${batches}.`]
}
