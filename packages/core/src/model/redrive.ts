import type { Work } from "../scope/work.ts"
import type { Kit } from "./kit.ts"
import { type NextAction, enter, type Node } from "./node.ts"
import type { Outcome } from "../outcome.ts"
import { runNode } from "../run/run.ts"
import type { RunOptions } from "../run/run-options.ts"

/** A node whose failed items can be run again alone. */
export interface Redrivable<Shared, Action extends string = string, Result = unknown> {
  /**
   * Runs the node as a run of its own, but only the items without an `ok` outcome in `outcomes`; the others keep theirs.
   * `post` gets all, in the original order.
   */
  redrive(shared: Shared, outcomes: readonly Outcome<Result>[], options?: RunOptions): Promise<Action | "default">
}

/** The outcomes that a redriven run keeps, by index. */
export type Kept = ReadonlyMap<number, Outcome<unknown>>

/** The `redrive` of a node that `run` runs. */
export function redrivable<Shared>(
  kit: Kit<Shared>,
  node: Node<Shared>,
  run: (shared: Shared, work: Work, kept: Kept) => Promise<NextAction>,
): Redrivable<Shared> {
  return {
    redrive: (shared, outcomes, options = {}) => {
      const kept = new Map(
        outcomes.filter((outcome) => outcome.status === "ok").map((outcome) => [outcome.index, outcome]),
      )
      return runNode({ ...node, [enter]: (state, work) => run(state, work, kept) }, kit, shared, options)
    },
  }
}
