import type { Prices } from "@sluice/providers"
import type { ModelAnswer } from "../asking/answer.ts"
import type { ItemNotes } from "../run/items/item-notes.ts"
import type { AnswerSchema } from "../question/answer-schema.ts"
import type { BatchLine } from "../question/batch-line.ts"
import type { ModelSettings, PromptMessage } from "../question/compile-question.ts"
import type { RequestOptions } from "../model/request-options.ts"
import type { RunLimits } from "../run/options/run-limits.ts"
import type { WireFailure } from "./wire-failure.ts"

/** How a worker asks: what the run's command said, but for the inputs. Goes through Redis, and holds no key. */
export interface Asking {
  readonly model: string
  readonly baseUrl?: string | undefined
  readonly schema?: Pick<AnswerSchema, "schema" | "name" | "strict"> | undefined
  readonly settings: ModelSettings
  readonly requestOptions?: RequestOptions | undefined
  readonly acceptTruncated: boolean
  readonly limits: RunLimits
  readonly prices?: Prices | undefined
  readonly timeoutMs?: number | undefined
}

/** An input as it is asked about: filled in already, so that a worker needs neither template nor file. */
export interface AskedItem {
  readonly messages?: PromptMessage[]
  readonly request?: BatchLine
  /** The answer of the attempt before, which did not fit the schema. */
  readonly before?: { readonly message: string; readonly text: string }
}

/** What came of asking once. */
export interface AskedReport {
  readonly answer?: ModelAnswer
  readonly failure?: WireFailure
  readonly notes: Pick<ItemNotes, "cost" | "errors" | "refusal" | "latencyMs" | "waitedMs">
}
