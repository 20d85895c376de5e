export type { BatchNode, BatchOptions, ItemOf, Settled, Source } from "./batch.ts"
export type { BatchFlowNode, BatchFlowOptions } from "./batch-flow.ts"
export type { ItemContext, NodeContext, Params } from "./context.ts"
export type { Cost } from "./cost.ts"
export { createDefine, define, type Define, type Definition } from "./define.ts"
export type { BatchSummary } from "./delivery.ts"
export { SluiceError, type SluiceErrorCode } from "./errors.ts"
export type { SluiceEvent } from "./events.ts"
export type { FlowEdges, FlowNodes, FlowOptions } from "./flow.ts"
export { ItemError } from "./item-error.ts"
export type { ItemPolicy } from "./item-policy.ts"
export { type Lane, LaneScope, type RunNotes } from "./lane.ts"
export type { MaybePromise } from "./maybe-promise.ts"
export type { ActionsOf, Node, NodeJSON, NodeKind } from "./node.ts"
export type { Outcome } from "./outcome.ts"
export type {
  AdmitOptions,
  AttemptContext,
  Backoff,
  Clock,
  EventSink,
  Executor,
  Feedback,
  ItemOptions,
  Journal,
  Limiter,
  LimitReading,
  MapOptions,
  OnError,
  Permit,
  Random,
  RecordIdentity,
  RetryOptions,
  RunJournal,
  Runtime,
  SettledRecord,
  SettleOutcome,
} from "./ports.ts"
export type { Redrivable } from "./redrive.ts"
export type { RunOptions } from "./run.ts"
export { sequentialExecutor } from "./sequential-executor.ts"
export { sequentialRuntime } from "./sequential-runtime.ts"
export type { StandardSchema } from "./shared-check.ts"
export type { StepOptions } from "./step.ts"
export { countInScope, currentLane, currentScope, enterScope, runInScope, type TaskScope } from "./task-scope.ts"
