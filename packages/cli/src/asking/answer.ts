import { SluiceError, type SluiceErrorCode } from "@sluice/core"

/** What came back about one input. */
export interface ModelAnswer {
  /** The text, or the value where a schema was given. */
  readonly output: unknown
  readonly finishReason: FinishReason
  /** As the vendor calls the model that answered. */
  readonly model?: string
  /** The vendor's name for the call, for a support ticket. */
  readonly requestId?: string
  readonly raw?: RawAnswer
}

/** What the vendor sent, as a line of OpenAI's batch results has it. */
export interface RawAnswer {
  readonly status_code: number
  readonly request_id: string
  readonly body: unknown
}

/** How an answer ended. `content_filter`: cut or withheld by the vendor's filter · `refusal`: the model would not. */
export type FinishReason = "stop" | "length" | "content_filter" | "refusal" | "other"

/** An answer came, and it is no result: cut, withheld, refused, empty, or not what the schema wants. */
export class AnswerFailure extends SluiceError {
  /** What came, for the next ask and for whoever looks why. */
  readonly text!: string

  constructor(
    code: Extract<SluiceErrorCode, `answer-${string}`>,
    message: string,
    { text, retryable = false }: { readonly text: string; readonly retryable?: boolean },
  ) {
    super(code, message, { retryable })
    this.name = "AnswerFailure"
    // Answers are the user's business: kept with the item, in no log by accident.
    Object.defineProperty(this, "text", { value: text, enumerable: false })
  }
}
