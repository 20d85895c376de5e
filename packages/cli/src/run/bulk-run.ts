import {
  type AttemptContext,
  type Clock,
  currentScope,
  type EventSink,
  type ItemWork,
  type LaneScope,
  type Outcome,
  runInScope,
  SluiceError,
  type TaskScope,
} from "@sluice/core"
import type { SqliteRunJournal } from "@sluice/journal"
import { parallelExecutor, systemRandom } from "@sluice/scheduler"
import { type Answer, AnswerFailure } from "../asking/answer.ts"
import type { Asker } from "../asking/create-asker.ts"
import { FirstCall } from "../asking/first-call.ts"
import type { Interruption } from "./interruption.ts"
import { duplicateKey } from "../input/input-key.ts"
import { type BulkItem, bulkItem, withNotes } from "./bulk-item.ts"
import { takingNotes } from "./item-notes.ts"
import type { Input } from "../input/input.ts"
import { emptyInput } from "../input/read-input.ts"
import { batch, type ResultFiles } from "../results/result-files.ts"
import type { StoredAnswer } from "../results/result-fields.ts"
import { RefusedAlike } from "../asking/refused-alike.ts"
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

  // A file was looked at beforehand, and its answers have followed their lines; here nobody knows what comes next.
  const checkUnseen = (item: BulkItem): void => {
    const { identity, where, index } = item
    options.check?.(item, index)
    if (!options.check || claimed(item) || !options.hasAnswers || options.acceptChanges) return
    if (identity.key !== undefined || !run.holds(identity)) return
    throw usageError(
      `${where}: not the input that was answered there: lines changed or moved. Name a file, so that answers can follow their lines, or name each input with --key; --accept-changes asks again about every line that differs.`,
    )
  }

  /** Asking about a key claims it: whether the item is settled. */
  const claimed = ({ identity, where }: BulkItem): boolean => {
    try {
      return run.find(identity) !== undefined
    } catch (error) {
      if (!SluiceError.isInstance(error) || error.code !== "duplicate-key") throw error
      throw duplicateKey(identity.key ?? "", where, undefined, error)
    }
  }

  const known = (item: BulkItem): Outcome<undefined> | undefined => {
    const { index } = item
    const found = run.find(item.identity)
    item.isEarlier = found !== undefined || index < files.written
    if (!found || (found.status === "failed" && options.retryFailed)) {
      if (index < files.written) files.restart()
      return undefined
    }
    const { status } = found
    count[status]++
    count.replayed++
    files.settled(index, found.item, true)
    onEvent({ type: "item-start", ...told(item) })
    onEvent({ type: "item-end", ...told(item), status, attempts: 0, replayed: true })
    return { status: "ok", index, value: undefined, attempts: 0 }
  }

  // An input that cannot be read must not cost the calls that are in flight: the source ends, and the error follows.
  async function* items(): AsyncGenerator<BulkItem, void, undefined> {
    let index = 0
    try {
      for await (const input of options.inputs) {
        if (drain.aborted || stopped) return
        const item = bulkItem(input, index++, options)
        checkUnseen(item)
        yield item
      }
      if (index === 0) throw emptyInput("the input")
      // Inputs that were taken away take their lines with them.
      if (files.written > index) files.restart()
    } catch (error) {
      inputError = error
    }
  }

  const settle = async (item: BulkItem, outcome: Outcome<StoredAnswer>): Promise<void> => {
    const { status, attempts } = outcome
    const { index } = item
    const stored = run.settle(item.identity, { ...outcome, index }, item.notes.cost)
    settling.add(stored)
    try {
      await stored
    } catch (error) {
      // An answer that cannot be stored is that item's failure.
      if (status === "ok" && SluiceError.isInstance(error) && error.code === "not-serialisable") {
        return settle(item, { status: "failed", index, error: withNotes(error, item), attempts })
      }
      // Without a journal nothing may go on: what it does not have is lost.
      interruption.fail(error)
      throw error
    } finally {
      settling.delete(stored)
    }
    count[status]++
    files.settled(item.index, run.find(item.identity)?.item ?? Number.NaN, item.isEarlier)
    onEvent({ type: "item-end", ...told(item), status, attempts, ...(status === "failed" && { error: outcome.error }) })
  }

  // Whoever waits leaves at once when the run is to end; whoever is with the vendor is finished.
  const asked = new Set<BulkItem>()
  const leaveWaiting = (): void => {
    for (const { notes, leaving } of asked) if (!notes.isSent) leaving.abort(drain.reason)
  }
  drain.addEventListener("abort", leaveWaiting)

  const answer = async (item: BulkItem, callSignal: AbortSignal): Promise<Answer> => {
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
  const stopFor = (error: unknown, { notes }: BulkItem): SluiceError | undefined =>
    stopReason(error, notes.refusal) ?? (count.ok === 0 && !options.hasAnswers ? unknownModel(error) : undefined)

  const attempt = async (item: BulkItem, { attempt: number, signal }: AttemptContext): Promise<StoredAnswer> => {
    await first.turn(drain)
    if (stopped || drain.aborted) throw notBegun
    if (number === 1) onEvent({ type: "item-start", ...told(item) })
    const { output, ...facts } = await answer(item, signal)
    const { latencyMs } = item.notes
    return {
      input: item.record,
      output,
      ...facts,
      ...(latencyMs !== undefined && { latencyMs: Math.round(latencyMs) }),
    }
  }

  const settled = async (outcome: Outcome<StoredAnswer | undefined>, item: BulkItem): Promise<void> => {
    if (outcome.status === "ok") {
      first.open()
      await refused.over()
      return settle(item, outcome as Outcome<StoredAnswer>)
    }
    const { error } = outcome
    if (error === notBegun || item.leaving.signal.aborted) return
    const failure = (): Promise<void> => settle(item, { ...outcome, error: withNotes(error, item) })
    const reason = stopFor(error, item) ?? (await refused.failed(error, failure))
    stopped ??= reason
    first.open()
  }

  const work: ItemWork<BulkItem, StoredAnswer | undefined> = {
    known,
    attempt,
    // Calls are retried below, where the vendor's word is known; another attempt is for answers that do not fit the schema.
    policy: {
      retry: {
        maxAttempts: options.maxAttempts,
        retryIf: (error) => error instanceof AnswerFailure && error.retryable,
      },
    },
    settled,
  }
  const map = (): AsyncIterable<unknown> =>
    parallelExecutor(clock, systemRandom).map(items(), work, {
      concurrency: options.concurrency,
      order: "completion",
      // What ends the run is decided as items settle.
      onError: "collect",
      signal: interruption.abort,
    })
  let isWhole = false
  try {
    const outcomes = lane ? runInScope({ ...emptyScope(), lane }, map) : map()
    for await (const _ of outcomes);
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

/** Before the first answer: the vendor has no such model, or no such address. */
function unknownModel(error: unknown): SluiceError | undefined {
  if ((error as { statusCode?: unknown } | null)?.statusCode !== 404) return undefined
  const { message } = error as Error
  return usageError(
    `The server has no such model or address (404 ${message}). Check --model and --base-url; nothing counts as failed.`,
  )
}
