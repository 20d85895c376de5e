import {
  type AttemptContext,
  currentScope,
  type ItemWork,
  type MaybePromise,
  type Outcome,
  runInScope,
  SluiceError,
  type TaskScope,
} from "@sluice/core"
import { failurePolicy } from "@sluice/core/internal"
import { parallelExecutor, systemRandom } from "@sluice/scheduler"
import { type ModelAnswer, AnswerFailure } from "../../asking/answer.ts"
import { FirstCall } from "../../asking/first-call.ts"
import { type BulkItem, toldOf, withNotes } from "./bulk-item.ts"
import type { BulkRunOptions } from "./bulk-run-options.ts"
import { BulkSource } from "./bulk-source.ts"
import { takingNotes } from "./item-notes.ts"
import { batch } from "../../results/result-files.ts"
import type { StoredAnswer } from "../../results/result-fields.ts"
import { isAskedAgain } from "../../asking/asked-again.ts"
import { alikeBeforeStop, RefusedAlike } from "../../asking/refused-alike.ts"
import { stopReason, tooManyFailures, unknownModel } from "./stop-reason.ts"
import type { RunningMap } from "../../ui/hands-on.ts"

export interface BulkRunResult {
  readonly ok: number
  readonly failed: number
  /** Of these, settled in an earlier run of the same command. */
  readonly replayed: number
  /** What ended the run early: a budget, a quota, an account. */
  readonly stopped: SluiceError | undefined
  /** So many stay open that were not to be asked now. */
  readonly open?: number
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
  // Core's allows so many, the command's ends with the last of so many; what is known already is no failure of this run.
  const isTooMany = failurePolicy({ maxFailures: options.maxFailures - 1 })
  let open = 0
  let stopped: SluiceError | undefined
  const stopping = new AbortController()
  const stop = (reason: SluiceError | undefined): void => {
    stopped ??= reason
    if (stopped) stopping.abort()
  }
  // Whoever allows no more failures than that has said when to stop: each counts as it comes.
  const isToldWhen = options.maxFailures <= alikeBeforeStop
  // Another model may be misspelt, or refuse for a reason of its own.
  const { keepGoing, hasAnswers, variants } = options
  const guards = variants.map(() => ({
    first: new FirstCall(clock, !lane && !hasAnswers),
    refused: new RefusedAlike(keepGoing || hasAnswers || isToldWhen, options.redact),
    ok: 0,
  }))
  const guardOf = ({ at }: BulkItem): (typeof guards)[number] => guards[at]!
  /** On its way to the disk: it counts, also when the run is left meanwhile. */
  const settling = new Set<Promise<void>>()
  const told = ({ index, spanId, variant, identity }: BulkItem) => {
    const key = variants.length === 1 ? identity.key : `${identity.key ?? index} ${variant.name}`
    return {
      atMs: clock.now(),
      runId: run.runId,
      spanId,
      node: batch.node,
      index,
      ...(key !== undefined && { key }),
    } as const
  }

  const known = (item: BulkItem): MaybePromise<Outcome<undefined> | undefined> => {
    const { index, identity } = item
    const found = run.find(identity)
    if (!found && options.failedOnly) {
      open++
      return passed(item)
    }
    item.isEarlier = found !== undefined || index < files.written
    if (!found || (found.status === "failed" && isAskedAgain(options.retryFailed, () => run.read(found.item)))) {
      if (index < files.written) files.restart()
      return undefined
    }
    const marked = options.marks?.again(identity, found)
    return marked === undefined ? replayed(item, found) : marked.then((isOther) => replayed(item, found, isOther))
  }

  const replayed = (
    item: BulkItem,
    found: { readonly item: number; readonly status: "ok" | "failed" },
    isOther = false,
  ): Outcome<undefined> => {
    const { index } = item
    const { status } = found
    if (isOther && index < files.written) files.restart()
    count[status]++
    count.replayed++
    files.settled(item, found.item, true)
    onEvent({ type: "item-start", ...told(item) })
    const before = status === "failed" ? run.lookup(item.identity) : undefined
    const failure = before?.status === "failed" && { error: before.error }
    onEvent({ type: "item-end", ...told(item), status, attempts: 0, replayed: true, ...failure })
    return passed(item)
  }

  const settle = async (item: BulkItem, outcome: Outcome<StoredAnswer>): Promise<void> => {
    const { status } = outcome
    const { index } = item
    // Calls, each of which is an attempt; none where the answer was there already.
    const attempts = Math.max(outcome.attempts, item.notes.cost.requests)
    const stored = run.settle(item.identity, { ...outcome, index, attempts }, item.notes.cost)
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
    if (status === "ok") guardOf(item).ok++
    if (isTooMany(outcome)) stop(tooManyFailures(options.maxFailures))
    files.settled(item, run.find(item.identity)?.item ?? Number.NaN, item.isEarlier)
    onEvent({ type: "item-end", ...told(item), status, attempts, ...(status === "failed" && { error: outcome.error }) })
  }

  // Whoever waits leaves at once when the run is to end; whoever is with the vendor is finished.
  const asked = new Set<BulkItem>()
  const leaveWaiting = (): void => {
    for (const { notes, leaving } of asked) if (!notes.isSent) leaving.abort(drain.reason ?? notBegun)
  }
  drain.addEventListener("abort", leaveWaiting)
  let isUnreachable = false
  options.firstAnswer.onEnd = (error) => {
    isUnreachable = true
    stop(error)
    leaveWaiting()
  }

  const answer = async (item: BulkItem, callSignal: AbortSignal): Promise<ModelAnswer> => {
    const { record, where, notes, leaving, variant } = item
    notes.isSent = false
    notes.waitsFromMs = clock.now()
    notes.onWait = () => {
      if (drain.aborted || isUnreachable) leaving.abort(drain.reason ?? notBegun)
    }
    asked.add(item)
    try {
      notes.onWait()
      const signal = AbortSignal.any([callSignal, leaving.signal])
      signal.throwIfAborted()
      const said = await takingNotes(notes, () => variant.ask({ record, where, signal, before: notes.before }))
      if (said.finishReason === "length") options.onCut?.()
      return said
    } catch (error) {
      if (error instanceof AnswerFailure) {
        if (error.code === "answer-truncated") options.onCut?.()
        notes.before = error
        guardOf(item).first.open()
      }
      if (error instanceof Error) notes.errors.push({ name: error.name, message: error.message })
      throw error
    } finally {
      asked.delete(item)
    }
  }

  /** Not the item's fault: it stays open, and the same command takes it up. */
  const stopFor = (error: unknown, item: BulkItem): SluiceError | undefined =>
    stopReason(error, item.notes.refusal) ?? (guardOf(item).ok === 0 && !hasAnswers ? unknownModel(error) : undefined)

  const attempt = async (item: BulkItem, { attempt: number, signal }: AttemptContext): Promise<StoredAnswer> => {
    await guardOf(item).first.turn(drain)
    if (stopped || drain.aborted) throw notBegun
    if (number === 1) onEvent({ type: "item-start", ...told(item) })
    const { output, ...facts } = await answer(item, signal)
    return {
      input: item.record,
      output,
      ...facts,
      ...toldOf(item),
      ...(await options.marks?.of(item.record, output)),
    }
  }

  const settled = async (outcome: Outcome<StoredAnswer | undefined>, item: BulkItem): Promise<void> => {
    const { first, refused } = guardOf(item)
    if (outcome.status === "ok") {
      first.open()
      await refused.over()
      return settle(item, outcome as Outcome<StoredAnswer>)
    }
    const { error } = outcome
    if (error === notBegun || item.leaving.signal.aborted) return
    const failure = (): Promise<void> => settle(item, { ...outcome, error: withNotes(error, item) })
    stop(stopFor(error, item) ?? (await refused.failed(error, failure)))
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
    parallelExecutor(clock, systemRandom).map(source.items(noMore), work, {
      concurrency: options.concurrency,
      order: "completion",
      // What ends the run is decided as items settle.
      onError: "collect",
      signal: interruption.abort,
    })
  const source = new BulkSource(options)
  const noMore = AbortSignal.any([drain, stopping.signal])
  let isWhole = false
  try {
    const outcomes = lane ? runInScope({ ...emptyScope(), lane }, map) : map()
    options.onMap?.(outcomes as AsyncIterable<unknown> & RunningMap)
    for await (const _ of outcomes);
    if (!stopped) for (const { refused } of guards) await refused.over()
    if (source.error) throw source.error
    isWhole = !stopped && !drain.aborted && open === 0
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
  return { ...count, stopped, isWhole, ...(open > 0 && { open }) }
}

/** Of an item that nobody is asked about. */
function passed({ index }: BulkItem): Outcome<undefined> {
  return { status: "ok", index, value: undefined, attempts: 0 }
}

/** Was waiting for its turn when the run ended: it stays open. */
const notBegun = new Error("not begun")

function emptyScope(): TaskScope {
  return { parent: currentScope(), site: batch.node, waiting: 0, holding: 0 }
}
