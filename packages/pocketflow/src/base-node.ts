import type { EventSink } from "@sluice/core"
import { tellWarning } from "@sluice/core/internal"
import { systemClock } from "@sluice/scheduler"

type Action = string

/** Params are plain objects: `{ filename: "a.md" }`, no arrays. */
export type NonIterableObject = Partial<Record<string, unknown>> & { [Symbol.iterator]?: never }

/**
 * What every node has: prep, exec, post, successors by action, params. `exec` runs once; `Node` adds attempts.
 *
 * @example
 * ```ts
 * class Greet extends BaseNode<{ name: string; greeting?: string }> {
 *   override async prep(shared: { name: string }) { return shared.name }
 *   override async exec(name: string) { return `Hello ${name}` }
 *   override async post(shared: { greeting?: string }, _name: string, greeting: string) { shared.greeting = greeting; return undefined }
 * }
 * const shared: { name: string; greeting?: string } = { name: "Ada" }
 * await new Greet().run(shared)
 * shared.greeting // => "Hello Ada"
 * ```
 */
export class BaseNode<S = unknown, P extends NonIterableObject = NonIterableObject> {
  /**
   * Gets what `pocketflow` prints: a `warning` event with its text and the code `successors-ignored`, `successor-replaced`
   * or `unknown-action`. Nobody listens by default, and nothing is printed.
   */
  static onEvent: EventSink | undefined

  protected _params: P = {} as P
  protected _successors: Map<Action, BaseNode> = new Map()

  protected async _exec(prepRes: unknown): Promise<unknown> {
    return this.exec(prepRes)
  }

  async prep(_shared: S): Promise<unknown> {
    return undefined
  }

  async exec(_prepRes: unknown): Promise<unknown> {
    return undefined
  }

  async post(_shared: S, _prepRes: unknown, _execRes: unknown): Promise<Action | undefined> {
    return undefined
  }

  async _run(shared: S): Promise<Action | undefined> {
    const prepared = await this.prep(shared)
    const result = await this._exec(prepared)
    return this.post(shared, prepared, result)
  }

  /** Runs this node alone; `Flow` runs successors too. */
  async run(shared: S): Promise<Action | undefined> {
    if (this._successors.size > 0) warn("successors-ignored", "Node won't run successors. Use Flow.")
    return this._run(shared)
  }

  setParams(params: P): this {
    this._params = params
    return this
  }

  /** The node that follows `"default"`; returns it, so that calls chain. */
  next<T extends BaseNode>(node: T): T {
    this.on("default", node)
    return node
  }

  /** The node that follows `action`; returns this one. */
  on(action: Action, node: BaseNode): this {
    if (this._successors.has(action)) {
      warn("successor-replaced", `Overwriting successor for action '${action}'`)
    }
    this._successors.set(action, node)
    return this
  }

  /** Nothing and `""` mean `"default"`. */
  getNextNode(action?: Action): BaseNode | undefined {
    const wanted = action || "default"
    const next = this._successors.get(wanted)
    if (!next && this._successors.size > 0) {
      warn("unknown-action", `Flow ends: '${wanted}' not found in [${[...this._successors.keys()].join(",")}]`)
    }
    return next
  }

  /** Own fields are copied one level deep; a flow runs clones of its nodes. */
  clone(): this {
    const clone = Object.assign(Object.create(Object.getPrototypeOf(this) as object) as this, this)
    // oxlint-disable-next-line typescript/no-misused-spread -- params are never iterable: P extends NonIterableObject
    clone._params = { ...this._params }
    clone._successors = new Map(this._successors)
    return clone
  }
}

function warn(code: string, message: string): void {
  tellWarning(BaseNode.onEvent, systemClock.now(), code, message)
}
