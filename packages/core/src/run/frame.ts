import type { Params } from "../scope/context.ts"
import type { SluiceEvent } from "../ports/events.ts"
import type { MaybePromise } from "../maybe-promise.ts"
import type { EventSink } from "../ports/event-sink.ts"
import type { RunJournal } from "../ports/ports.ts"
import type { Runtime } from "../ports/runtime.ts"
import type { WorkChanges } from "./work-changes.ts"

type Untimed<E> = E extends unknown ? Omit<E, "atMs"> : never

/** An event before its time stamp. */
export type NewEvent = Untimed<SluiceEvent>

/** What one run shares, from its first node to its last. */
export interface RunState {
  readonly runId: string
  readonly runtime: Runtime
  readonly maxSteps: number | undefined
  readonly retryFailed: boolean
  readonly journal: RunJournal | undefined
  /** Kept for a journal that takes notes. */
  readonly changes: WorkChanges | undefined
  /** Who listens, as the caller gave it. */
  readonly sink: EventSink | undefined
  /** Absent when nobody listens: then no event is built. */
  readonly emit: ((event: NewEvent) => void) | undefined
  /** Checks `shared` after each `post`, when asked to. */
  readonly checkPost: ((shared: unknown, node: string) => MaybePromise<void>) | undefined
  spans: number
}

/** Where a node runs: one per run of a flow, never one per step. */
export interface Frame {
  readonly run: RunState
  /** Names of the nodes around, joined by `/`; `""` around the outermost node. */
  readonly path: string
  /** `path` with visits and repeated params told apart: what the journal identifies work by. */
  readonly record: string
  /** `path` with item indexes, for people. */
  readonly site: string
  readonly params: Params
  readonly signal: AbortSignal
  /** The span around. */
  readonly spanId: number
  readonly priority: number
  /** How often each node of this flow ran, kept only for a journal. */
  readonly visits: Map<string, number> | undefined
  /** The node that the walk of this flow is at, for people. */
  at: string
}

export function nodePath(frame: Frame, node: string): string {
  return frame.path === "" ? node : `${frame.path}/${node}`
}

export function recordPath(frame: Frame, node: string): string {
  return frame.record === "" ? node : `${frame.record}/${node}`
}

/** How often `node` ran before in this run of its flow, and one more from now on. */
export function countVisit(frame: Frame, node: string): number {
  const before = frame.visits?.get(node) ?? 0
  frame.visits?.set(node, before + 1)
  return before
}

/** The record path inside `node`: later visits get a path of their own, so that loops around a flow do not mix. */
export function innerRecord(frame: Frame, node: string): string {
  if (!frame.visits) return ""
  const visit = countVisit(frame, node)
  return recordPath(frame, node) + (visit === 0 ? "" : `#${visit}`)
}
