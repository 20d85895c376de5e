export type { BatchNode, BatchOptions, ItemOf, Settled, Source } from "./model/batch.ts"
export type { BatchFlowNode, BatchFlowOptions } from "./model/batch-flow.ts"
export type { ItemContext, NodeContext, Params } from "./scope/context.ts"
export type { Cost } from "./cost.ts"
export { createDefine, define, type Define, type Definition } from "./define.ts"
export type { BatchSummary } from "./items/delivery.ts"
export { SluiceError, type SluiceErrorCode } from "./errors.ts"
export type { CallContent, CallUsage, SluiceEvent } from "./ports/events.ts"
export type { FlowAction, FlowEdges, FlowNodes, FlowOptions } from "./model/flow.ts"
export { ItemError } from "./items/item-error.ts"
export type { ItemPolicy } from "./items/item-policy.ts"
export type { Chained, PipelineAction, PipelineNeeds, StageList } from "./model/pipeline.ts"
export { type Lane, LaneScope, type RunNotes } from "./model/lane.ts"
export type { MaybePromise } from "./maybe-promise.ts"
export type { ActionsOf, NextAction, Needs, Node, NodeJSON, NodeKind, ParamsOf, ParamsOfAll } from "./model/node.ts"
export type { Outcome } from "./outcome.ts"
export type { AttemptEnd, Executor, ItemOptions, ItemPlace, ItemWork, MapOptions, OnError } from "./ports/executor.ts"
export type { AttemptContext } from "./ports/attempt-context.ts"
export type { BegunWork, CallFacts } from "./ports/begun-work.ts"
export type { EventSink } from "./ports/event-sink.ts"
export type {
  AdmitOptions,
  Backoff,
  Clock,
  Feedback,
  Latency,
  Journal,
  Limiter,
  LimitReading,
  Permit,
  Random,
  RecordIdentity,
  RetryOptions,
  RunJournal,
  SettledRecord,
  Refusal,
  Settlement,
} from "./ports/ports.ts"
export type { QuotaState } from "./ports/event-sink.ts"
export type { Runtime } from "./ports/runtime.ts"
export type { Redrivable } from "./model/redrive.ts"
export { runPlace } from "./model/run-place.ts"
export type { RunOptions } from "./run/run-options.ts"
export { sequentialExecutor } from "./items/sequential.ts"
export { sequentialRuntime } from "./run/sequential-runtime.ts"
export type { StandardSchema } from "./model/shared-check.ts"
export type { StepOptions } from "./model/step.ts"
export type { LendablePermit } from "./scope/lendable-permit.ts"
export { type ItemState, Scope } from "./scope/scope.ts"
export { countInScope, currentLane, currentScope, enterScope, runInScope, type TaskScope } from "./scope/task-scope.ts"
