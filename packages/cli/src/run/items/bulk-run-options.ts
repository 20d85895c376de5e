import type { Clock, EventSink, LaneScope } from "@sluice/core"
import type { SqliteRunJournal } from "@sluice/journal"
import type { AskedAgain } from "../../asking/asked-again.ts"
import type { FirstAnswer } from "../../asking/first-answer.ts"
import type { Marks } from "../../checks/marks.ts"
import type { Input } from "../../input/input.ts"
import type { ResultFiles } from "../../results/result-files.ts"
import type { RunningMap } from "../../ui/hands-on.ts"
import type { AskedVariant } from "../../variants/variant.ts"
import type { Interruption } from "../interruption.ts"

export interface BulkRunOptions {
  readonly inputs: AsyncIterable<Input>
  readonly variants: readonly [AskedVariant, ...AskedVariant[]]
  readonly run: SqliteRunJournal
  readonly files: ResultFiles
  readonly keyField: string | undefined
  readonly retryFailed: AskedAgain | undefined
  /** What was never settled stays open: failed items alone are asked. */
  readonly failedOnly: boolean
  /** Of this command; then it ends. */
  readonly maxFailures: number
  /** Do not stop when the first calls are all refused for one reason. */
  readonly keepGoing: boolean
  readonly acceptChanges: boolean
  /** What answers are held against, in this run and from before. */
  readonly marks: Marks | undefined
  /** Ends the run where nobody answers at all. */
  readonly firstAnswer: FirstAnswer
  /** The run has answers from before. */
  readonly hasAnswers: boolean
  /** Throws when an input does not fit the question; absent where all were looked at beforehand. */
  readonly check: ((input: Input, index: number) => void) | undefined
  readonly concurrency: number | "auto"
  /** The vendors' batches that the calls go into; `undefined`: they go online. */
  readonly lane: LaneScope | undefined
  readonly maxAttempts: number
  readonly interruption: Interruption
  readonly clock: Clock
  /** Takes keys out of a text that is shortened. */
  readonly redact: (text: string) => string
  readonly onEvent: EventSink
  /** An answer was cut by its length, whatever becomes of it. */
  readonly onCut?: (() => void) | undefined
  readonly onMap?: ((map: RunningMap) => void) | undefined
}
