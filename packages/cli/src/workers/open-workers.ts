import { randomUUID } from "node:crypto"
import type { BullExecutor } from "@sluice/bullmq"
import { type EventSink, SluiceError, type SluiceEvent } from "@sluice/core"
import { parseExactJson } from "@sluice/journal"
import type { Asked } from "../asking/conversation.ts"
import type { Asker } from "../asking/create-asker.ts"
import { openRedis } from "../commands/open-redis.ts"
import type { QuotaReading } from "../display/quota-reading.ts"
import type { CheckedRun } from "../run/checked-run.ts"
import type { Interruption } from "../run/interruption.ts"
import { currentNotes, type ItemNotes } from "../run/items/item-notes.ts"
import { packageVersion } from "../package-version.ts"
import { usageError } from "../usage-error.ts"
import type { PlacedVariant } from "../variants/variant.ts"
import { askFlow, askPath } from "./ask-flow.ts"
import type { AskedItem, AskedReport, Asking } from "./asking.ts"
import { openBullmq } from "./open-bullmq.ts"
import { failureFromWire } from "./wire-failure.ts"

/** Where `sluice worker` processes are asked instead of a model. */
export interface OpenedWorkers {
  readonly ask: Asker
  /** Hears which items the journal has. */
  readonly observe: EventSink
  /** `isWhole`: no answer of the run is wanted any more. */
  end(isWhole: boolean): Promise<void>
  /** What workers are at, as the display takes it; of all columns, and the first one tells. */
  reading?(): QuotaReading
  close(): Promise<void>
}

interface ColumnsAround {
  readonly interruption: Interruption
  readonly tell: EventSink
}

/** Opens the columns of a run. They are sent by one executor, so that what happens to Redis is told once. */
export async function openWorkers(
  checked: CheckedRun,
  surroundings: ColumnsAround,
): Promise<(variant: PlacedVariant) => Promise<OpenedWorkers>> {
  const { interruption, tell } = surroundings
  const url = checked.options.redis!
  const { bullExecutor } = await openBullmq()
  // Says at once when nobody answers there.
  const redis = await openRedis(url)
  redis.disconnect()
  const executor = bullExecutor(
    askFlow(() => Promise.reject(new Error("A run asks nobody itself."))),
    {
      connection: { url },
      onEvent: (event) => tell(isNobody(event) ? { ...event, message: startOne(checked) } : event),
    },
  )
  const { drain } = interruption
  // What no worker has begun stays open.
  const withdraw = (): void => void executor.withdraw(drain.reason)
  drain.addEventListener("abort", withdraw)
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => {
    drain.removeEventListener("abort", withdraw)
    return (closing ??= executor.close())
  }
  return async (variant) => {
    const column = await openColumn(checked, variant, surroundings, executor).catch(async (error: unknown) => {
      await close()
      throw error
    })
    return { ...column, close, ...(variant === checked.variants[0] && { reading: () => readingOf(executor) }) }
  }
}

function readingOf(executor: BullExecutor): QuotaReading {
  const { begun, waiting } = executor.snapshot()
  const wait = { reason: "a worker", calls: waiting }
  return { name: "workers", isRemote: true, inFlight: begun, waiting: waiting > 0 ? [wait] : [], limits: {} }
}

/**
 * Sends the prompt of every call of one column to whoever runs `sluice worker` on this Redis. The run keeps its journal, order and failures; an answer that a worker has
 * sent is kept in Redis until the journal has it, whoever dies.
 */
async function openColumn(
  checked: CheckedRun,
  variant: PlacedVariant,
  { interruption, tell }: ColumnsAround,
  executor: BullExecutor,
): Promise<Omit<OpenedWorkers, "close">> {
  const { run, variants } = checked
  const { question, version } = variant
  const column = variants.indexOf(variant)
  const { drain } = interruption
  const open = async (): ReturnType<typeof executor.open> => {
    // Two runs of one name on one Redis are two runs.
    const known = run.note("workers")
    const name = typeof known === "string" ? known : randomUUID()
    if (name !== known) await run.putNote("workers", name)
    const place = { path: askPath, visit: 0, runId: `${name}-${version}`, params: {} }
    return executor.open(place, { also: { ...askingOf(checked, variant) } })
  }
  const batch = await open()
  batch.lost.addEventListener("abort", () => interruption.fail(batch.lost.reason))

  const ask = async (asked: Asked): ReturnType<Asker> => {
    const notes = currentNotes()!
    // Who is with a worker is waited for when the run is to end, unless it comes back by itself.
    notes.isSent = true
    try {
      const outcome = await batch.run(itemOf(asked), Math.floor((notes.spanId - 1) / variants.length), asked.signal)
      if (outcome.status === "failed") {
        const { code, message } = outcome.error as SluiceError
        if (code === "worker-error") interruption.fail(usageError(`A worker says: ${message}`))
        throw outcome.error
      }
      return take(parseExactJson(outcome.value as string) as AskedReport, notes)
    } catch (error) {
      notes.isSent = false
      if (drain.aborted && error === drain.reason) notes.onWait?.()
      throw isTooLarge(error) ? tooLarge(error) : error
    }
  }

  const itemOf = ({ record, where, before }: Asked): string => {
    const item: AskedItem = {
      ...(question.request
        ? { request: question.request(record, where) }
        : { messages: question.messages(record, where) }),
      ...(before && { before: { message: before.message, text: before.text } }),
    }
    return JSON.stringify(item)
  }

  const take = ({ answer, failure, notes: told }: AskedReport, notes: ItemNotes): Awaited<ReturnType<Asker>> => {
    addNotes(notes, told)
    const { usd, inputTokens, outputTokens } = told.cost
    if (told.cost.requests > 0) {
      const cost = { inputTokens, outputTokens, ...(usd !== undefined && { usd }) }
      tell({ type: "usage", atMs: notes.clock.now(), cost, runId: run.runId, spanId: notes.spanId })
    }
    if (answer) return answer
    throw failureFromWire(failure!)
  }

  return {
    ask,
    observe: (event) => {
      // Of several columns each hears of all.
      if (event.type !== "item-end" || event.replayed || (event.spanId - 1) % variants.length !== column) return
      batch.settled(event.index)
    },
    end: (isWhole) => batch.end(isWhole),
  }
}

function isNobody(event: SluiceEvent): event is Extract<SluiceEvent, { readonly type: "warning" }> {
  return event.type === "warning" && event.code === "no-worker"
}

function startOne({ options }: CheckedRun): string {
  const also = options.baseUrl === undefined ? "" : ` --base-url ${options.baseUrl}`
  return `No worker makes the calls of this run. Start one on the same Redis, of this version (@sluice/cli ${packageVersion()}): sluice worker --redis URL${also}`
}

function isTooLarge(error: unknown): error is SluiceError {
  return SluiceError.isInstance(error) && error.code === "payload-too-large"
}

/** Words for who has prompts and answers, not items of a program. What has a size was to be sent from here. */
function tooLarge({ details }: SluiceError): SluiceError {
  const { bytes } = details as { readonly bytes?: number }
  const message =
    bytes === undefined
      ? "The answer has more than 256 KB as JSON, the most that goes through Redis. Leave out --workers, or ask for less."
      : `The prompt has ${bytes} bytes as JSON; at most 256 KB go through Redis. Leave out --workers, or split it.`
  return new SluiceError("payload-too-large", message, { details })
}

function askingOf({ options, limits, config }: CheckedRun, { model, question }: PlacedVariant): Asking {
  const { schema, settings, requestOptions } = question
  return {
    model,
    baseUrl: options.baseUrl,
    schema: schema && { schema: schema.schema, name: schema.name, strict: schema.strict },
    settings,
    requestOptions,
    acceptTruncated: options.acceptTruncated ?? false,
    limits,
    prices: config.prices,
    timeoutMs: options.timeoutS === undefined ? undefined : options.timeoutS * 1_000,
  }
}

function addNotes(notes: ItemNotes, { cost, errors, refusal, latencyMs, waitedMs }: AskedReport["notes"]): void {
  notes.cost.requests += cost.requests
  notes.cost.inputTokens += cost.inputTokens
  notes.cost.outputTokens += cost.outputTokens
  if (cost.usd !== undefined) notes.cost.usd = (notes.cost.usd ?? 0) + cost.usd
  notes.errors.push(...errors)
  if (refusal !== undefined) notes.refusal = refusal
  if (latencyMs !== undefined) notes.latencyMs = latencyMs
  if (waitedMs !== undefined) notes.waitedMs = (notes.waitedMs ?? 0) + waitedMs
}
