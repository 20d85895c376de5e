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
import { type Answer, AnswerFailure } from "./answer.ts"
import type { Asker } from "./create-asker.ts"
import { FirstCall } from "./first-call.ts"
import type { Interruption } from "./interruption.ts"
import { emptyNotes, type ItemNotes, takingNotes } from "./item-notes.ts"
import { emptyInput, type Input } from "../input/read-input.ts"
import { keyOf } from "../input/input-key.ts"
import { batch, type ResultFiles } from "../results/result-files.ts"
import { RefusedAlike } from "./refused-alike.ts"
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
  /** Do not stop when the first calls are all refused for one reason. */
  readonly keepGoing: boolean
  readonly acceptChanges: boolean
  /** The run has answers from before. */
  readonly hasAnswers: boolean
  /** Throws when an input does not fit the question; absent where all were looked at beforehand. */
  readonly check: ((input: Input, index: number) => void) | undefined
  readonly concurrency: number | "auto"
  /** The vendors' batches that the calls go into; `undefined`: they go online. */
  readonly lane: LaneScope | undefined
  readonly maxAttempts: number
  readonly interruption: Interruption
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
  /** Every input was gone through, and none stays open. */
  readonly isWhole: boolean
}

interface Item extends Input {
  readonly index: number
  readonly identity: RecordIdentity
  readonly notes: ItemNotes
  /** Ends what it waits for; it stays open. */
  readonly leaving: AbortController
  /** The result files that are there have a line for it. */
  isEarlier: boolean
}

/**
 * Asks about every input that the journal does not have, and puts each result into it before its place is given away:
 * whatever ends the process, what is repeated later was in flight then. Holds only the items in flight.
 */
export async function bulkRun(options: BulkRunOptions): Promise<BulkRunResult> {
  const { run, files, lane, interruption, clock, onEvent } = options
  const { drain } = interruption
  const count = { ok: 0, failed: 0, replayed: 0 }
  let stopped: SluiceError | undefined
  let inputError: unknown
  const first = new FirstCall(clock, !lane && !options.hasAnswers)
  const refused = new RefusedAlike(options.keepGoing || options.hasAnswers)
  /** On its way to the disk: it counts, also when the run is left meanwhile. */
  const settling = new Set<Promise<void>>()
  const told = (item: { readonly index: number }) =>
    ({ atMs: clock.now(), runId: run.runId, spanId: item.index + 1, node: batch.node, index: item.index }) as const

  // A file's answers have followed their lines already; here nobody knows what comes next.
  const checkMoved = (item: Item): void => {
    if (!options.check || !options.hasAnswers || options.acceptChanges || item.identity.key !== undefined) return
    if (!run.holds(item.identity)) return
    throw usageError(
      `${item.where}: not the input that was answered there: lines changed or moved. Name a file, so that answers can follow their lines, or name each input with --key; --accept-changes asks again about every line that differs.`,
    )
  }

  const known = (item: Item): boolean => {
    const found = run.find(item.identity)
    item.isEarlier = found !== undefined || item.index < files.written
    if (!found || (found.status === "failed" && options.retryFailed)) {
      if (!found) checkMoved(item)
      if (item.index < files.written) files.restart()
      return false
    }
    const { status } = found
    count[status]++
    count.replayed++
    files.settled(item.index, found.item, true)
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
        options.check?.(input, index)
        const item = itemOf(input, index++, options)
        if (!known(item)) yield item
      }
      if (index === 0) throw emptyInput("the input")
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
    let status: "ok" | "failed" = "error" in outcome ? "failed" : "ok"
    const { index } = item
    const stored = run.settle(item.identity, { ...outcome, status, index, attempts } as never, item.notes.cost)
    settling.add(stored)
    try {
      await stored
    } catch (error) {
      // An answer that cannot be stored is that item's failure.
      if (status === "ok" && SluiceError.isInstance(error) && error.code === "not-serialisable") {
        return settle(item, { error: withNotes(error, item) }, attempts)
      }
      // Without a journal nothing may go on: what it does not have is lost.
      interruption.fail(error)
      throw error
    } finally {
      settling.delete(stored)
    }
    count[status]++
    files.settled(item.index, run.find(item.identity)?.item ?? Number.NaN, item.isEarlier)
    onEvent({ type: "item-end", ...told(item), status, attempts, ...("error" in outcome && { error: outcome.error }) })
  }

  // Whoever waits leaves at once when the run is to end; whoever is with the vendor is finished.
  const asked = new Set<Item>()
  const leaveWaiting = (): void => {
    for (const { notes, leaving } of asked) if (!notes.isSent) leaving.abort(drain.reason)
  }
  drain.addEventListener("abort", leaveWaiting)

  const answer = async (item: Item, callSignal: AbortSignal): Promise<Answer> => {
    const { record, where, notes, leaving } = item
    notes.isSent = false
    notes.onWait = () => {
      if (drain.aborted) leaving.abort(drain.reason)
    }
    asked.add(item)
    try {
      notes.onWait()
      const signal = AbortSignal.any([callSignal, leaving.signal])
      signal.throwIfAborted()
      return await takingNotes(notes, () => options.ask({ record, where, signal, before: notes.before }))
    } catch (error) {
      if (error instanceof AnswerFailure) {
        notes.before = error
        first.open()
      }
      if (error instanceof Error) notes.errors.push({ name: error.name, message: error.message })
      throw error
    } finally {
      asked.delete(item)
    }
  }

  /** Not the item's fault: it stays open, and the same command takes it up. */
  const stopFor = (error: unknown, { notes }: Item): SluiceError | undefined =>
    stopReason(error, notes.refusal) ?? (count.ok === 0 && !options.hasAnswers ? unknownModel(error) : undefined)

  const map = () =>
    parallelMap(
      unsettled(),
      async (item, { attempt, signal }) => {
        await first.turn(drain)
        if (stopped || drain.aborted) throw notBegun
        if (attempt === 1) onEvent({ type: "item-start", ...told(item) })
        const { output, ...facts } = await answer(item, signal)
        const { latencyMs } = item.notes
        first.open()
        await refused.over()
        const times = latencyMs === undefined ? {} : { latencyMs: Math.round(latencyMs) }
        await settle(item, { value: { input: item.record, output, ...facts, ...times } }, attempt)
      },
      {
        concurrency: options.concurrency,
        order: "completion",
        onError: "stop",
        // Calls are retried below, where the vendor's word is known; another attempt is for answers that do not fit the schema.
        retry: {
          maxAttempts: options.maxAttempts,
          retryIf: (error) => error instanceof AnswerFailure && error.retryable,
        },
        fallback: async (item, error, { attempt }) => {
          if (error === notBegun || item.leaving.signal.aborted) return
          const failure = (): Promise<void> => settle(item, { error: withNotes(error, item) }, attempt)
          const reason = stopFor(error, item) ?? (await refused.failed(error, failure))
          stopped ??= reason
          first.open()
        },
        signal: interruption.abort,
        clock,
      },
    )
  let isWhole = false
  try {
    const outcomes = lane ? runInScope({ ...emptyScope(), lane }, map) : map()
    for await (const outcome of outcomes) if (outcome.status === "failed") throw outcome.error
    if (!stopped) await refused.over()
    if (inputError) throw inputError
    isWhole = !stopped && !drain.aborted
  } catch (error) {
    // What was settled before somebody left counts.
    if (!interruption.wasLeft) throw error
  } finally {
    drain.removeEventListener("abort", leaveWaiting)
    // Batches are forgotten only when no input can ask for their answers any more.
    await lane?.end(isWhole)
    await Promise.allSettled(settling)
  }
  if (stopped?.code === "usage") throw stopped
  return { ...count, stopped, isWhole }
}

/** Was waiting for its turn when the run ended: it stays open. */
const notBegun = new Error("not begun")

function emptyScope(): TaskScope {
  return { parent: currentScope(), site: batch.node, waiting: 0, holding: 0 }
}

function itemOf(input: Input, index: number, { keyField, version }: BulkRunOptions): Item {
  const unkeyed = { ...batch, index, input: input.record, version }
  const identity = keyField === undefined ? unkeyed : { ...unkeyed, key: keyOf(input, keyField) }
  return { ...input, index, identity, notes: emptyNotes(), leaving: new AbortController(), isEarlier: false }
}

/** The error with that of every attempt, the input, and what came of the answer. */
function withNotes(error: unknown, { record, notes }: Item): unknown {
  if (!(error instanceof Error)) return error
  const output = error instanceof AnswerFailure ? { output: error.text } : {}
  return Object.assign(
    error,
    { kept: { input: record, ...output } },
    notes.errors.length > 0 && { errors: notes.errors },
  )
}

/** Before the first answer: the vendor has no such model, or no such address. */
function unknownModel(error: unknown): SluiceError | undefined {
  if ((error as { statusCode?: unknown } | null)?.statusCode !== 404) return undefined
  const { message } = error as Error
  return usageError(
    `The server has no such model or address (404 ${message}). Check --model and --base-url; nothing counts as failed.`,
  )
}
