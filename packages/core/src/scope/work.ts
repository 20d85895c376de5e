import { addCosts, type Cost, wrongCost } from "../cost.ts"
import type { ItemContext, Params } from "./context.ts"
import { type Frame, nodePath } from "../run/frame.ts"
import type { LaneScope } from "../model/lane.ts"
import type { EventSink } from "../ports/event-sink.ts"
import type { RecordIdentity } from "../ports/ports.ts"
import { Scope } from "./scope.ts"
import { currentScope, type TaskScope } from "./task-scope.ts"

/** Which item of a node a scope is about, and which attempt at it. */
interface ItemPart {
  readonly index: number
  readonly attempt: number
  readonly signal: AbortSignal
  /** False for a step: its only item has no index. */
  readonly isNumbered: boolean
  /** For the scope of an attempt: the item's own scope. */
  readonly item?: Work
}

/** The scope of a node of a run, of an item of it, or of an attempt at that; and, being the same object, its context. */
export class Work extends Scope implements ItemContext {
  declare readonly item: Work
  /** Written, as the node is, only by a walk whose plain steps share it. */
  declare spanId: number
  readonly frame: Frame
  node: string
  readonly parentId: number
  readonly isNumbered: boolean
  /** The frame of the flow that runs inside this node, whose steps share this scope. */
  inside: Frame | undefined = undefined
  /** Set on a batch's scope while its items run. */
  lane: LaneScope | "online" | undefined = undefined
  /** What was spent on the item. */
  spent: Cost | undefined = undefined
  /** What its attempts failed with. */
  errors: unknown[] | undefined = undefined
  /** When its present attempt began, for whoever listens. */
  startedMs: number | undefined = undefined
  /** What the journal knows the item by. */
  identity: RecordIdentity | undefined = undefined

  constructor(
    parent: TaskScope | undefined,
    frame: Frame,
    node: string,
    spanId: number,
    parentId: number,
    part?: ItemPart,
  ) {
    super(parent, part?.index ?? 0, part?.signal ?? frame.signal, frame.priority, spanId, part?.attempt, part?.item)
    this.frame = frame
    this.node = node
    this.parentId = parentId
    this.isNumbered = part !== undefined && part.isNumbered
  }

  /** The same object as the context of another step. */
  forStep(node: string): this {
    this.node = node
    this.spanId = this.frame.run.spans++
    return this
  }

  /** The scope of one item of this node. */
  openItem(index: number, signal: AbortSignal): Work {
    const { frame, node, spanId } = this
    return new Work(this, frame, node, frame.run.spans++, spanId, { index, attempt: 1, signal, isNumbered: true })
  }

  /** The scope of the only item of this node, which goes by the node's name. */
  openOnly(signal: AbortSignal): Work {
    const { frame, node, spanId, parentId } = this
    return new Work(currentScope(), frame, node, spanId, parentId, { index: 0, attempt: 1, signal, isNumbered: false })
  }

  override again(attempt: number, signal: AbortSignal): Work {
    const { frame, node, spanId, parentId, index, isNumbered, item } = this
    return new Work(this, frame, node, spanId, parentId, { index, attempt, signal, isNumbered, item })
  }

  get params(): Params {
    return this.frame.params
  }

  override get runId(): string {
    return this.frame.run.runId
  }

  override get site(): string {
    const { inside } = this
    return inside?.at ? `${inside.site}/${inside.at}` : this.ownSite
  }

  get ownSite(): string {
    const path = this.frame.site === "" ? this.node : `${this.frame.site}/${this.node}`
    return this.isNumbered ? `${path}[${this.index}]` : path
  }

  /** Path of node names, for events and the journal. */
  get path(): string {
    return nodePath(this.frame, this.node)
  }

  // Getters, so that `async (text, { spend }) => ...` works without a closure per context.
  override get spend(): (cost: Cost, told?: EventSink) => void {
    return (cost, ...by) => {
      // What the answer of a vendor comes to is no mistake of the item's.
      const wrong = by.length === 0 ? wrongCost("spend", "cost", cost) : undefined
      if (wrong) throw wrong
      const [told] = by
      this.item.spent = addCosts(this.item.spent ?? {}, cost)
      const { run } = this.frame
      if (told === undefined || told !== run.sink) run.emit?.({ type: "usage", cost, ...this.span })
    }
  }

  get log(): (message: string, data?: unknown) => void {
    return (message, data) => {
      this.frame.run.emit?.({ type: "log", message, ...(data === undefined ? {} : { data }), ...this.span })
    }
  }

  get span(): { runId: string; spanId: number; parentId: number } {
    return { runId: this.runId, spanId: this.spanId, parentId: this.parentId }
  }
}
