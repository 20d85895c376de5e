import { addCosts, type Cost } from "../cost.ts"
import type { LaneScope } from "../model/lane.ts"
import type { TaskScope } from "./scope.ts"
import type { Frame } from "./frame.ts"
import { nodePath } from "./frame.ts"

/** What identifies one run of a sub-flow, e.g. `{ filename: "a.md" }`. Merged parent-first, frozen. */
export type Params = Readonly<Record<string, unknown>>

/** What `prep` and `post` get beside their values. */
export interface NodeContext<P = Params> {
  readonly params: P
  /** Aborted when the run is cancelled. */
  readonly signal: AbortSignal
  /** Reports what this work cost, as a `usage` event of its span. */
  readonly spend: (cost: Cost) => void
  /** Emits a `log` event: visible to whoever listens, silent otherwise. */
  readonly log: (message: string, data?: unknown) => void
}

/** What `exec` and `fallback` get beside the prepared value or item. */
export interface ItemContext<P = Params> extends NodeContext<P> {
  /** Position in the source; 0 in a step. */
  readonly index: number
  /** 1-based. */
  readonly attempt: number
  /** Aborted when the run is cancelled, when the batch stops, and by this attempt's `timeoutMs`. */
  readonly signal: AbortSignal
}

/** The context as an argument and, being the same object, as the scope that travels by AsyncLocalStorage. */
export class Work implements ItemContext, TaskScope {
  waiting = 0
  holding = 0
  readonly parent: TaskScope | undefined
  readonly frame: Frame
  readonly node: string
  readonly index: number
  readonly attempt: number
  readonly signal: AbortSignal
  readonly spanId: number
  readonly parentId: number
  readonly priority: number
  readonly isItem: boolean
  /** The frame of the flow that runs inside this node, whose steps share this scope. */
  inside: Frame | undefined
  /** Of a batch, while its items run, and of its items. */
  lane: LaneScope | "online" | undefined
  /** What was spent on the item, in an attempt's context the item's. */
  spent: Cost | undefined
  readonly account: Work

  constructor(
    parent: TaskScope | undefined,
    frame: Frame,
    node: string,
    spanId: number,
    parentId: number,
    priority: number,
    item?: { readonly index: number; readonly attempt: number; readonly signal: AbortSignal },
    account?: Work,
  ) {
    this.parent = parent
    this.frame = frame
    this.node = node
    this.spanId = spanId
    this.parentId = parentId
    this.priority = priority
    this.index = item ? item.index : 0
    this.attempt = item ? item.attempt : 1
    this.signal = item ? item.signal : frame.signal
    this.isItem = account ? account.isItem : item !== undefined
    this.inside = undefined
    this.lane = undefined
    this.spent = undefined
    this.account = account ?? this
  }

  get params(): Params {
    return this.frame.params
  }

  get runId(): string {
    return this.frame.run.runId
  }

  get site(): string {
    const { inside } = this
    return inside?.at ? `${inside.site}/${inside.at}` : this.ownSite
  }

  get ownSite(): string {
    const path = this.frame.site === "" ? this.node : `${this.frame.site}/${this.node}`
    return this.isItem ? `${path}[${this.index}]` : path
  }

  /** Path of node names, for events and the journal. */
  get path(): string {
    return nodePath(this.frame, this.node)
  }

  // Getters, so that `async (text, { spend }) => ...` works without a closure per context.
  get spend(): (cost: Cost) => void {
    return (cost) => {
      this.account.spent = addCosts(this.account.spent ?? {}, cost)
      this.frame.run.emit?.({ type: "usage", cost, ...this.#span() })
    }
  }

  get log(): (message: string, data?: unknown) => void {
    return (message, data) => {
      this.frame.run.emit?.({ type: "log", message, ...(data === undefined ? {} : { data }), ...this.#span() })
    }
  }

  #span(): { runId: string; spanId: number; parentId: number } {
    return { runId: this.runId, spanId: this.spanId, parentId: this.parentId }
  }
}
