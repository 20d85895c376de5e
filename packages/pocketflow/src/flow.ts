import { currentScope } from "@sluice/core"
import { BaseNode, type NonIterableObject } from "./base-node.ts"

/**
 * Runs nodes from `start` along their successors until an action has none. A flow is a node, and nests.
 *
 * The number of steps is not limited: programs written for `pocketflow` may loop for ever.
 *
 * @example
 * ```ts
 * class Count extends Node<{ n: number }> {
 *   override async post(shared: { n: number }): Promise<string> { return ++shared.n < 3 ? "again" : "done" }
 * }
 * const count = new Count()
 * count.on("again", count)
 * const shared = { n: 0 }
 * await new Flow(count).run(shared)
 * shared.n // => 3
 * ```
 */
export class Flow<S = unknown, P extends NonIterableObject = NonIterableObject> extends BaseNode<S, P> {
  start: BaseNode

  constructor(start: BaseNode) {
    super()
    this.start = start
  }

  protected async _orchestrate(shared: S, params: P = this._params): Promise<void> {
    let current: BaseNode | undefined = this.start.clone()
    while (current) {
      // Nothing is started in a sub-flow whose batch has failed meanwhile.
      currentScope()?.signal?.throwIfAborted()
      current.setParams(params)
      const action = await current._run(shared)
      current = current.getNextNode(action)?.clone()
    }
  }

  override async _run(shared: S): Promise<string | undefined> {
    const prepared = await this.prep(shared)
    await this._orchestrate(shared)
    return this.post(shared, prepared, undefined)
  }

  override async exec(_prepRes: unknown): Promise<unknown> {
    throw new Error("Flow can't exec.")
  }
}
