export type { Cost } from "./cost.ts"
export { SluiceError, type SluiceErrorCode } from "./errors.ts"
export type { SluiceEvent } from "./events.ts"
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
export { countInScope, currentScope, runInScope, type TaskScope } from "./task-scope.ts"
