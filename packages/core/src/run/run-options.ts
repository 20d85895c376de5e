import type { EventSink } from "../ports/event-sink.ts"
import type { Executor } from "../ports/executor.ts"
import type { Journal } from "../ports/ports.ts"
import type { Params } from "../scope/context.ts"

/** How one run is run. */
export interface RunOptions {
  /** Cancels the run: it rejects with `signal.reason`, untouched, after everything it started has settled. */
  readonly signal?: AbortSignal
  /** Settled work is recorded there, and not done again when the run is run again. */
  readonly journal?: Journal
  /** Names the run in events and in the journal. Default: with a journal the node's name, so that running again resumes; else a random one. */
  readonly runId?: string
  /** Whether work that the journal holds as failed is done again. Default true. */
  readonly retryFailed?: boolean
  readonly onEvent?: EventSink
  readonly params?: Params
  /**
   * Nodes that one run of a flow may run. Default: as many as the flow has, so that no flow without a loop is ever cut off, plus
   * 10,000, because a loop that runs longer is more often a mistake than meant. Then the run fails with `max-steps`.
   */
  readonly maxSteps?: number
  /** Runs the items in place of the executor that the flow was defined with, e.g. in other processes. */
  readonly executor?: Executor
  /** Higher is admitted first. Default 0. */
  readonly priority?: number
}
