/** Codes are the part of an error that programs read; messages are for people. */
export type SluiceErrorCode =
  | "invalid-option"
  | "invalid-graph"
  | "invalid-shared"
  | "max-steps"
  | "item-failed"
  | "too-many-failures"
  | "timeout"
  | "no-clock"
  | "cost-exceeds-limit"
  | "deadline-unreachable"
  | "queue-full"
  | "limiter-closed"
  | "limiter-reentry"
  | "quota-exhausted"
  | "budget-exhausted"
  | "store-unreachable"
  | "run-locked"
  | "worker-lost"
  | "worker-error"
  | "payload-too-large"
  | "vendor-refused"
  | "vendor-error"
  | "connection"
  | "answer-truncated"
  | "answer-invalid"
  | "answer-filtered"
  | "answer-refused"
  | "answer-empty"
  | "answer-too-large"
  | "not-serialisable"
  | "duplicate-key"
  | "journal-locked"
  | "journal-unreadable"
  | "journal-version"
  | "journal-write"
  | "unknown-vendor"
  | "usage"

const marker = Symbol.for("sluice.error")

/**
 * The base of every error that Sluice makes: what happened, the numbers, what to do.
 * Two copies of a package break `instanceof`; `SluiceError.isInstance` does not mind.
 *
 * @example
 * ```ts
 * const error = new SluiceError("queue-full", "1,000 calls wait already. Raise maxQueue or send slower.", { retryable: true })
 * SluiceError.isInstance(error) // => true
 * error.code // => "queue-full"
 * ```
 */
export class SluiceError extends Error {
  readonly code: SluiceErrorCode
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean
  /** The numbers of the message, for programs. */
  readonly details: Readonly<Record<string, unknown>>

  constructor(
    code: SluiceErrorCode,
    message: string,
    options: { cause?: unknown; retryable?: boolean; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined)
    this.name = "SluiceError"
    this.code = code
    this.retryable = options.retryable ?? false
    this.details = options.details ?? {}
    Object.defineProperty(this, marker, { value: true })
  }

  static isInstance(error: unknown): error is SluiceError {
    return typeof error === "object" && error !== null && marker in error
  }
}
