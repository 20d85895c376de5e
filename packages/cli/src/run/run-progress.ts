import type { EventSink, SluiceEvent } from "@sluice/core"
import { redactSecrets } from "@sluice/journal"
import type { LimitedFetch } from "@sluice/providers"
import { createDisplay } from "../display/create-display.ts"
import type { FrameState } from "../display/frame-state.ts"
import { printable, printableJson, printableText } from "../display/printable.ts"
import { ProgressTally } from "../display/progress-tally.ts"
import { formatUsd } from "../display/quantities.ts"
import { type QuotaReading, quotaReading } from "../display/quota-reading.ts"
import type { BulkRunResult } from "./items/bulk-run.ts"
import { stopsAgain } from "./items/stop-reason.ts"
import { keysIn } from "../model/model-name.ts"
import { batch } from "../results/result-files.ts"
import type { RunCommandOptions } from "./options/run-options.ts"
import { stoppedInWords } from "./stopped-in-words.ts"
import { Spending } from "../model/spending.ts"
import type { Comparison } from "../variants/compare-variants.ts"
import type { Terminal } from "../display/terminal.ts"

export interface Progress {
  /** It is drawn in place, on a terminal. */
  readonly isLive: boolean
  readonly observe: EventSink
  /** An answer was cut by its length. */
  readonly cut: () => void
  /** What the display shows, or would show. */
  readonly state: () => FrameState
  print(line: string): void
  /** Takes keys out of a text; before it is cut, where it is. */
  readonly redact: (text: string) => string
  stop(): void
  compared(comparison: Comparison): Promise<void>
  summary(result: BulkRunResult | undefined, facts: SummaryFacts): void
}

interface SummaryFacts {
  readonly out: string
  readonly failures: string
  readonly journal: string | undefined
  readonly interrupted: boolean
  /** Answers that fail a check of `--assert`; `undefined` where there is none. */
  readonly failing?: number | undefined
  /** What failed is asked again at once, as somebody wants on the page. */
  readonly again?: boolean | undefined
}

export interface ProgressOptions {
  readonly terminal: Terminal
  readonly options: RunCommandOptions
  readonly title: string
  readonly total: number | undefined
  readonly fetch: LimitedFetch
  /** Whom else than `fetch` the calls are made by. */
  readonly opened: readonly { readonly reading?: () => QuotaReading }[]
  /** What the keys of the terminal do, for the live display. */
  readonly keys: () => string | undefined
}

/** What is seen of a run, on standard error: the live display, plain lines in a pipe, `--json` events, or nothing. */
export function openProgress({ terminal, options, title, total, fetch, opened, keys }: ProgressOptions): Progress {
  const { stderr, clock, env } = terminal
  const secrets = keysIn(env)
  const redact = (text: string): string => redactSecrets(text, secrets)
  const line = (text: string): void => void stderr.write(`${printableText(redact(text))}\n`)
  // Before it is JSON: no quote or backslash in a key hides it.
  const jsonLine = (value: unknown): void =>
    void stderr.write(
      `${printableJson(value, (_name, part) => (typeof part === "string" ? redactSecrets(part, secrets) : plainError(part)))}\n`,
    )
  const nothing = (): void => {}
  let answersCut = 0
  const cut = (): void => void answersCut++
  const spending = new Spending()
  const inWords = (result: BulkRunResult | undefined): BulkRunResult | undefined => {
    if (!result?.stopped) return result
    const spent = { budgetUsd: options.budgetUsd, spentUsd: spending.total.usd ?? 0 }
    return { ...result, stopped: stoppedInWords(result.stopped, spent) }
  }
  const summary = (result: BulkRunResult | undefined, facts: SummaryFacts): void =>
    line(printable(summaryOf(inWords(result), { total, ...facts }, spending)))
  const quotas = (): QuotaReading[] => {
    const withWorkers = opened.flatMap(({ reading }) => reading?.() ?? [])
    return withWorkers.length > 0 ? withWorkers : fetch.snapshot().map(quotaReading)
  }
  if (options.quiet || options.json) {
    const tally = new ProgressTally(clock.now(), batch.node)
    const observe: EventSink = (event) => {
      tally.observe(redactEvent(event, secrets))
      spending.observe(event)
      if (options.json) jsonLine(event)
    }
    const end = (result: BulkRunResult | undefined, facts: SummaryFacts): void => {
      if (options.json) jsonLine({ type: "summary", ...inWords(result), ...facts, spent: spending.total })
    }
    const frame = { title, unit: "item", ...(total !== undefined && { total }) }
    const state = (): FrameState => tally.state(clock.now(), { ...frame, quotas: quotas(), cut: answersCut })
    const compared = async (comparison: Comparison): Promise<void> => {
      if (options.json) jsonLine({ type: "comparison", ...comparison })
    }
    return { isLive: false, observe, cut, state, print: nothing, redact, stop: nothing, compared, summary: end }
  }
  const display = createDisplay({
    stream: stderr,
    clock,
    title,
    unit: "item",
    node: batch.node,
    total: () => total,
    quotas,
    cut: () => answersCut,
    env,
    keys,
  })
  return {
    isLive: display.isLive,
    observe(event) {
      spending.observe(event)
      display.observe(redactEvent(event, secrets))
    },
    cut,
    state: display.state,
    print: (text) => display.print(redact(text)),
    redact,
    stop: () => display.stop(),
    async compared(comparison) {
      // Tables are what few runs print.
      const { renderComparison } = await import("../variants/render-comparison.ts")
      line(renderComparison(comparison))
    },
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
  {
    out,
    failures,
    journal,
    interrupted,
    failing,
    again,
    total: all,
  }: SummaryFacts & { readonly total: number | undefined },
  { total }: Spending,
): string {
  const { ok = 0, failed = 0, replayed = 0, stopped } = result ?? {}
  const isLeft = interrupted || result?.open !== undefined
  const open = result?.open ?? (stopped && all !== undefined ? all - ok - failed : 0)
  const parts = [
    interrupted
      ? "Interrupted."
      : stopped
        ? `Stopped: ${stopped.message}`
        : isLeft
          ? "Asked failed items again."
          : "Done.",
    `${ok} ok, ${failed} failed${replayed > 0 ? `, of these ${replayed} from before` : ""}.`,
    ...(open > 0 ? [`${open} ${open === 1 ? "item is" : "items are"} open.`] : []),
    ...(failing === undefined ? [] : [`${failing} of the answers fail${failing === 1 ? "s" : ""} a check.`]),
    ...spentOf(total),
    ...placesIn({ out, failures, failed, isNothing: (isLeft || stopped !== undefined) && ok + failed === 0 }),
  ]
  if (journal !== undefined && (isLeft || (stopped && !stopsAgain(stopped))))
    parts.push("The same command goes on from here.")
  if (journal !== undefined && failed > 0)
    parts.push(again ? "Failed items are asked again now." : "--retry-failed tries the failed ones again.")
  return parts.join(" ")
}

function placesIn(of: {
  readonly out: string
  readonly failures: string
  readonly failed: number
  readonly isNothing: boolean
}): string[] {
  if (of.isNothing) return []
  const places = [
    ...(of.out === "-" ? [] : [`results: ${of.out}`]),
    ...(of.failed > 0 ? [`failures: ${of.failures}`] : []),
  ].join("; ")
  return places === "" ? [] : [`${places.charAt(0).toUpperCase()}${places.slice(1)}.`]
}

/** `$0.0123 spent, of it $0.0100 for 200 answers from vendor batches.` */
function spentOf({ usd, batchUsd, batchAnswers }: Spending["total"]): string[] {
  const answers = `${batchAnswers} answer${batchAnswers === 1 ? "" : "s"} from vendor batches`
  if (usd === undefined) return batchAnswers > 0 ? [`${answers}.`] : []
  const batches = batchUsd === undefined ? "" : `, of it ${formatUsd(batchUsd)} for ${answers}`
  return [`${formatUsd(usd)} spent${batches}.`]
}
