import { SluiceError, type SluiceErrorCode } from "@sluice/core"

/** One attempt that failed, as an error tells it. */
export interface FailedAttempt {
  readonly attempt: number
  readonly status?: number
  /** The vendor's name for it, for a support ticket. */
  readonly requestId?: string
  readonly code: string
  /** The wait that followed. */
  readonly delayMs?: number
}

/**
 * A model call that ended without an answer that could be handed through: no connection, no answer in time.
 * Where the vendor did answer, `limitedFetch` resolves to that answer and the SDK throws its own typed error.
 */
export class VendorError extends SluiceError {
  readonly vendor: string
  readonly model: string
  /** With `requestId`: of the last attempt that the vendor answered before it fell silent. */
  readonly status: number | undefined
  readonly requestId: string | undefined
  readonly attempts: readonly FailedAttempt[]

  constructor(
    code: SluiceErrorCode,
    message: string,
    facts: {
      readonly vendor: string
      readonly model: string
      readonly attempts: readonly FailedAttempt[]
      readonly cause?: unknown
      readonly retryable?: boolean
    },
  ) {
    const { vendor, model, attempts } = facts
    const { status, requestId } = attempts.findLast((attempt) => attempt.status !== undefined) ?? {}
    super(code, message, {
      cause: facts.cause,
      retryable: facts.retryable ?? true,
      details: { vendor, model, status, requestId, attempts },
    })
    this.name = "VendorError"
    this.vendor = vendor
    this.model = model
    this.status = status
    this.requestId = requestId
    this.attempts = attempts
  }
}
