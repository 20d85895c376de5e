import { SluiceError } from "@sluice/core"

/** An answer that is no use: cut off, or not what the schema wants after all asks. */
export class AnswerError extends SluiceError {
  readonly asks: number
  readonly inputTokens: number
  readonly outputTokens: number
  /** The last answer; not part of the message, which may be logged. */
  readonly text!: string

  constructor(
    code: "answer-truncated" | "answer-invalid",
    message: string,
    facts: {
      readonly asks: number
      readonly inputTokens: number
      readonly outputTokens: number
      readonly text: string
      readonly cause: unknown
    },
  ) {
    const { asks, inputTokens, outputTokens, text, cause } = facts
    super(code, `ask: ${message}`, { cause, details: { asks, inputTokens, outputTokens } })
    this.name = "AnswerError"
    this.asks = asks
    this.inputTokens = inputTokens
    this.outputTokens = outputTokens
    // Answers are the user's business: on the error for whoever asks for them, in no log by accident.
    Object.defineProperty(this, "text", { value: text, enumerable: false })
  }
}
