import {
  type Clock,
  currentScope,
  type EventSink,
  type LaneScope,
  type RecordIdentity,
  runInScope,
  SluiceError,
  type TaskScope,
} from "@sluice/core"
import type { SqliteRunJournal } from "@sluice/journal"
import { parallelMap } from "@sluice/scheduler"
import type { Asker } from "./create-asker.ts"
import { emptyNotes, type ItemNotes, takingNotes } from "./item-notes.ts"
import { fieldOf } from "../input/prompt-template.ts"
import type { Input } from "../input/read-input.ts"
import { batch, type ResultFiles } from "../results/result-files.ts"
import { stopReason } from "./stop-reason.ts"
import { usageError } from "../usage-error.ts"

export interface BulkRunOptions {
  readonly inputs: AsyncIterable<Input>
  readonly ask: Asker
  readonly run: SqliteRunJournal
  readonly files: ResultFiles
  /** Changes when the question does. */
  readonly version: string
  readonly keyField: string | undefined
  readonly retryFailed: boolean
  readonly concurrency: number | "auto"
  /** The vendors' batches that the calls go into; `undefined`: they go online. */
  readonly lane: LaneScope | undefined
  readonly maxAttempts: number
  /** Aborted: nothing more is started. */
  readonly drain: AbortSignal
  /** Aborted: what runs is ended too. */
  readonly abort: AbortController
  readonly clock: Clock
  readonly onEvent: EventSink
}

export interface BulkRunResult {
  readonly ok: number
  readonly failed: number
  /** Of these, settled in an earlier run of the same command. */
  readonly replayed: number
  /** What ended the run early: a budget, a quota, an account. */
  readonly stopped: SluiceError | undefined
}

interface Item extends Input {
  readonly index: number
  readonly identity: RecordIdentity
  readonly notes: ItemNotes
}

/**
 * Asks about every input that the journal does not have, and puts each result into it before its place is given away:
 * whatever ends the process, what is repeated later was in flight then. Holds only the items in flight.
 */
export async function bulkRun(options: BulkRunOptions): Promise<BulkRunResult> {
  const { run, files, lane, drain, abort, clock, onEvent } = options
  const count = { ok: 0, failed: 0, replayed: 0 }
  let stopped: SluiceError | undefined
  let inputError: unknown
  const told = (item: { readonly index: number }) =>
    ({ atMs: clock.now(), runId: run.runId, spanId: item.index + 1, node: batch.node, index: item.index }) as const

  const known = (item: Item): boolean => {
    const found = run.find(item.identity)
    if (!found || (found.status === "failed" && options.retryFailed)) {
      if (item.index < files.written) files.restart()
      return false
    }
    const { status } = found
    count[status]++
    count.replayed++
    files.settled(item.index, found.item)
    onEvent({ type: "item-start", ...told(item) })
    onEvent({ type: "item-end", ...told(item), status, attempts: 0, replayed: true })
    return true
  }

  // An input that cannot be read must not cost the calls that are in flight: the source ends, and the error follows.
  async function* unsettled(): AsyncGenerator<Item, void, undefined> {
    let index = 0
    try {
      for await (const input of options.inputs) {
        if (drain.aborted || stopped) return
        const item = itemOf(input, index++, options)
        if (!known(item)) yield item
      }
      // Inputs that were taken away take their lines with them.
      if (files.written > index) files.restart()
    } catch (error) {
      inputError = error
    }
  }

  const settle = async (
    item: Item,
    outcome: { readonly value: unknown } | { readonly error: unknown },
    attempts: number,
  ): Promise<void> => {
    const status = "error" in outcome ? "failed" : "ok"
    try {
      const { index } = item
      await run.settle(item.identity, { ...outcome, status, index, attempts } as never, item.notes.cost)
    } catch (error) {
      // Without a journal nothing may go on: what it does not have is lost.
      abort.abort(error)
      throw error
    }
    count[status]++
    files.settled(item.index, run.find(item.identity)?.item ?? Number.NaN)
    onEvent({ type: "item-end", ...told(item), status, attempts, ...("error" in outcome && { error: outcome.error }) })
  }

  const map = () =>
    parallelMap(
      unsettled(),
      async (item, { attempt, signal }) => {
        if (attempt === 1) onEvent({ type: "item-start", ...told(item) })
        const output = await takingNotes(item.notes, () => options.ask(item.record, item.where, signal)).catch(
          (error: unknown) => {
            if (error instanceof Error) item.notes.errors.push({ name: error.name, message: error.message })
            throw error
          },
        )
        await settle(item, { value: { input: item.record, output } }, attempt)
      },
      {
        concurrency: options.concurrency,
        order: "completion",
        onError: "stop",
        // Calls are retried below, where the vendor's word is known; another attempt is for answers that do not fit the schema.
        retry: {
          maxAttempts: options.maxAttempts,
          retryIf: (error) => (error as Error).name === "AI_NoObjectGeneratedError",
        },
        fallback: async (item, error, { attempt }) => {
          const reason = stopReason(error, item.notes.refusal)
          // Not the item's fault: it stays open, and the same command takes it up.
          if (reason) stopped ??= reason
          else await settle(item, { error: withAttempts(error, item.notes) }, attempt)
        },
        signal: abort.signal,
        clock,
      },
    )
  let isFinished = false
  try {
    const outcomes = lane ? runInScope({ ...emptyScope(), lane }, map) : map()
    for await (const outcome of outcomes) if (outcome.status === "failed") throw outcome.error
    if (inputError) throw inputError
    isFinished = !stopped && !drain.aborted
  } finally {
    // Batches are forgotten only when no input can ask for their answers any more.
    await lane?.end(isFinished)
  }
  return { ...count, stopped }
}

function emptyScope(): TaskScope {
  return { parent: currentScope(), site: batch.node, waiting: 0, holding: 0 }
}

function itemOf(input: Input, index: number, { keyField, version }: BulkRunOptions): Item {
  const identity = { ...batch, index, input: input.record, version }
  if (keyField === undefined) return { ...input, index, identity, notes: emptyNotes() }
  return { ...input, index, identity: { ...identity, key: keyOf(input, keyField) }, notes: emptyNotes() }
}

/** The text of the field that names an input. */
export function keyOf({ record, where }: Input, field: string): string {
  const key = fieldOf(record, field)
  if (typeof key === "string" || typeof key === "number") return String(key)
  throw usageError(
    `${where}: --key ${field}: wanted a text or a number, got ${key === undefined ? "nothing" : JSON.stringify(key)}.`,
  )
}

function withAttempts(error: unknown, { errors }: ItemNotes): unknown {
  return errors.length > 0 && error instanceof Error ? Object.assign(error, { errors }) : error
}
