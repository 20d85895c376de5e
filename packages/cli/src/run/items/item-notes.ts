import { type Clock, currentScope, runInScope, type SluiceEvent, type TaskScope } from "@sluice/core"
import { InnerScope } from "@sluice/core/internal"
import { untimedFetch } from "@sluice/providers"
import type { AnswerFailure } from "../../asking/answer.ts"

/** What the calls of one item told: every attempt that failed, and what was spent. */
export interface ItemNotes {
  /** Of the item, in events. */
  readonly spanId: number
  readonly errors: { name: string; message: string; statusCode?: number }[]
  /** The vendor refuses every call of the account: a key, a bill, a day's total. */
  refusal?: string
  /** The answer of the last attempt, which did not fit the schema. */
  before?: AnswerFailure
  /** How long the last call held its permit: from leaving to the end of its answer. */
  latencyMs?: number
  /** How long its calls waited to be sent, and since when the next one waits. */
  waitedMs?: number
  waitsFromMs: number
  readonly clock: Clock
  readonly cost: { requests: number; inputTokens: number; outputTokens: number; usd?: number }
  /** A call of it is with the vendor: it neither waits to be admitted nor to be sent again. */
  isSent: boolean
  /** Called when it waits again. */
  onWait?: () => void
}

/** The scope of an item's attempt, with what is noted of it. */
class NotesScope extends InnerScope {
  readonly notes: ItemNotes

  constructor(parent: TaskScope | undefined, notes: ItemNotes) {
    super(parent, "item")
    this.notes = notes
  }
}

export function emptyNotes(clock: Clock, spanId: number): ItemNotes {
  const cost = { requests: 0, inputTokens: 0, outputTokens: 0 }
  return { spanId, errors: [], cost, isSent: false, waitsFromMs: clock.now(), clock }
}

/** Runs an item's attempt, so that `noteEvent` finds whose calls events are about. */
export function takingNotes<T>(notes: ItemNotes, fn: () => T): T {
  return runInScope(new NotesScope(currentScope(), notes), fn)
}

/** Those of the item whose attempt this is. */
export function currentNotes(): ItemNotes | undefined {
  for (let scope = currentScope(); scope; scope = scope.parent) if (scope instanceof NotesScope) return scope.notes
  return undefined
}

/** The event with the item whose call it is about. */
export function ofItem(event: SluiceEvent, runId: string): SluiceEvent {
  if ("runId" in event && event.runId !== undefined) return event
  const notes = currentNotes()
  return notes ? ({ ...event, runId, spanId: notes.spanId } as SluiceEvent) : event
}

/** The network, noting whose call is sent. */
export const notingFetch: typeof globalThis.fetch = (input, init) => {
  const notes = currentNotes()
  if (notes) {
    notes.isSent = true
    notes.waitedMs = (notes.waitedMs ?? 0) + notes.clock.now() - notes.waitsFromMs
  }
  return untimedFetch(input, init)
}

/** What an attempt ended with that another one follows. */
const waiting: ReadonlySet<string> = new Set(["retry", "wait", "reduce"])

/** Adds an event to the notes of the item whose call it is about. */
export function noteEvent(event: SluiceEvent): void {
  const notes = currentNotes()
  if (!notes) return
  if (event.type === "http-attempt") {
    notes.cost.requests++
    const { status, decision, error } = event
    if (decision === "ok") return
    if (waiting.has(decision)) {
      notes.isSent = false
      notes.waitsFromMs = notes.clock.now()
      notes.onWait?.()
    }
    // A 429 that is not to be sent again is no item's fault either, whatever the vendor calls it.
    if (event.isAccountRefused || (decision === "fatal" && status === 429))
      notes.refusal = `${status} ${typeof error === "string" ? error : ""}`.trim()
    notes.errors.push({
      name: "Attempt",
      message: `attempt ${notes.cost.requests}: ${status ?? "no answer"} ${typeof error === "string" ? error : decision}`,
      ...(status !== undefined && { statusCode: status }),
    })
  } else if (event.type === "permit-settle") {
    notes.latencyMs = event.heldMs
  } else if (event.type === "usage") {
    const { inputTokens = 0, outputTokens = 0, usd } = event.cost
    // Online, the request was counted when it was sent.
    if (event.lane === "batch") notes.cost.requests++
    notes.cost.inputTokens += inputTokens
    notes.cost.outputTokens += outputTokens
    if (usd !== undefined) notes.cost.usd = (notes.cost.usd ?? 0) + usd
  }
}
