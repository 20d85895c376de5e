// What the server tells the page. Times are milliseconds since the page's first moment, unless they say otherwise.

/** How the run does. */
export type RunStatus = "running" | "paused" | "draining" | "ok" | "failed" | "cancelled" | "interrupted"

export interface LimitState {
  readonly name: string
  readonly dimension: string
  /** As believed now. */
  readonly limit: number
  readonly level: number
  readonly windowMs?: number
}

export interface QuotaView {
  readonly name: string
  readonly inFlight: number
  readonly waiting: number
  readonly gate: "open" | "closed" | "ramping"
  readonly limits: readonly LimitState[]
}

export interface WaitingFor {
  readonly reason: string
  readonly calls: number
}

/** Everything that the overview shows at one moment. */
export interface PageState {
  readonly title: string
  readonly status: RunStatus
  readonly atMs: number
  /** What the wall clock showed at the page's first moment. */
  readonly startWallMs: number
  /** How long the run has taken. */
  readonly elapsedMs: number
  readonly total?: number
  readonly items: {
    readonly ok: number
    readonly failed: number
    readonly inFlight: number
    readonly cancelled: number
    /** Of the settled: from an earlier run. */
    readonly replayed: number
    readonly retried: number
    readonly cut: number
  }
  readonly perMinute: number
  readonly eta?: { readonly ms: number; readonly lowMs: number; readonly highMs: number }
  readonly calls: {
    readonly inFlight: number
    readonly sent: number
    readonly retried: number
    readonly refused: number
  }
  readonly waiting: readonly WaitingFor[]
  readonly tokens: { readonly input: number; readonly output: number; readonly expected?: number }
  readonly usd?: { readonly spent: number; readonly expected?: number }
  readonly budget?: { readonly limit: number; readonly left: number }
  readonly quotas: readonly QuotaView[]
  /** How the last call ended, where it did not end well. */
  readonly trouble?: string
  /** What the buttons may do. */
  readonly actions: readonly ControlAction[]
  /** Somebody wants failed items asked again, and that has not begun. */
  readonly isRetryWanted: boolean
  /** Changes whenever an item does. */
  readonly version: number
  /** Items that are read from the journal still. */
  readonly loading: boolean
  /** By the path of a node. */
  readonly nodes?: Readonly<Record<string, NodeCounts>>
}

export interface NodeCounts {
  readonly inFlight: number
  readonly ok: number
  readonly failed: number
  readonly perMinute: number
}

export type ControlAction = "pause" | "resume" | "drain" | "stop" | "update" | "retry-failed"

/** A moment worth a word. */
export interface Mark {
  readonly id: number
  readonly atMs: number
  readonly kind: "refused" | "limit" | "gate" | "control" | "warning"
  readonly text: string
  /** Of a gate that was closed: until when. */
  readonly untilMs?: number
  /** How many of the same came at once. */
  readonly count: number
}

/** Columns of the charts: one entry for each moment. */
export interface Series {
  readonly atMs: readonly number[]
  /** How much time an entry stands for. */
  readonly spanMs: readonly number[]
  readonly requests: readonly number[]
  readonly tokens: readonly number[]
  readonly inFlight: readonly number[]
  /** Per minute, as believed; `null` where none is known. */
  readonly requestLimit: readonly (number | null)[]
  readonly tokenLimit: readonly (number | null)[]
  /** Calls that wait, by what they wait for. */
  readonly waiting: Readonly<Record<string, readonly number[]>>
}

/** The first message, and the first after a connection was lost. */
export interface Hello {
  readonly state: PageState
  readonly series: Series
  readonly marks: readonly Mark[]
  readonly flow?: unknown
  /** The charts are of a run that was read from its journal: there is no more than its items. */
  readonly fromJournal: boolean
  /** Limits are shared with other processes: there is a view of that. */
  readonly isShared: boolean
}

/** Once a second. */
export interface Tick {
  readonly state: PageState
  /** What is new. */
  readonly series: Series
  readonly marks: readonly Mark[]
}

export type ItemStatus = "in flight" | "ok" | "failed" | "cancelled"
export type ItemFilter = "all" | "failed" | "retried" | "cut" | "in flight" | "ok"
export type ItemSort = "index" | "settled" | "attempts" | "wait" | "latency" | "input" | "output" | "usd" | "status"

export interface ItemRow {
  readonly row: number
  readonly node: string
  readonly index: number
  readonly key?: string
  readonly status: ItemStatus
  readonly attempts: number
  readonly waitMs?: number
  readonly latencyMs?: number
  readonly inputTokens?: number
  readonly outputTokens?: number
  readonly usd?: number
  readonly finish?: string
  /** The beginning of what was asked and answered. */
  readonly input?: string
  readonly output?: string
}

export interface ItemPage {
  /** Of all that fit the filter. */
  readonly count: number
  readonly offset: number
  readonly rows: readonly ItemRow[]
  /** A search that is not through yet: the share that was looked at. */
  readonly searched?: number
  /** There are items of more than one node. */
  readonly areOfSeveralNodes: boolean
  /** Items have changed since these were put in order, too shortly ago to do it again. */
  readonly isStale?: boolean
}

/** A piece of an item's time. */
export interface TraceStep {
  readonly kind: "wait" | "call" | "backoff"
  readonly fromMs: number
  /** Absent: it goes on. */
  readonly toMs?: number
  /** What was waited for. */
  readonly reason?: string
  readonly attempt?: number
  readonly firstChunkMs?: number
  readonly status?: number
  readonly requestId?: string
  readonly model?: string
  readonly error?: string
}

export interface ItemTrace {
  readonly row: number
  readonly node: string
  readonly index: number
  readonly status: ItemStatus
  readonly startMs: number
  readonly endMs?: number
  readonly steps: readonly TraceStep[]
}

/** A text that may be too long to show at once. */
export interface LongText {
  readonly text: string
  /** Of the whole. */
  readonly length: number
}

export interface ItemDetail extends ItemRow {
  readonly asked?: LongText
  readonly answered?: LongText
  readonly schema?: { readonly fits: boolean; readonly says?: string }
  readonly error?: string
  readonly model?: string
  readonly requestId?: string
  readonly trace?: ItemTrace
  readonly settledWallMs?: number
}

export interface Timeline {
  readonly fromMs: number
  readonly toMs: number
  readonly items: readonly ItemTrace[]
  /** How many there were. */
  readonly of: number
  /** What the last minute's settled items spent their time on. */
  readonly lastMinute: {
    readonly items: number
    readonly parts: readonly { readonly name: string; readonly ms: number }[]
  }
  /** The chain of waits and calls that the last minute ended on, newest last. */
  readonly critical: readonly (TraceStep & { readonly row: number; readonly node: string; readonly index: number })[]
}
