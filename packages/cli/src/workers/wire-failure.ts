import { SluiceError, type SluiceErrorCode } from "@sluice/core"
import { AnswerFailure, type RawAnswer } from "../asking/answer.ts"

/** As much of an error as decides what becomes of the item, and of the run. */
export interface WireFailure {
  readonly name: string
  readonly message: string
  readonly code?: string
  readonly retryable?: boolean
  readonly details?: Readonly<Record<string, unknown>>
  readonly statusCode?: number
  readonly responseHeaders?: Readonly<Record<string, string>>
  readonly raw?: RawAnswer
  /** Of an answer that is no result. */
  readonly text?: string
  readonly cause?: WireFailure
}

/** Errors have causes that have causes; what is decided by lies not deeper. */
const deepest = 5
/** What a run reads of them. */
const headers = ["x-sluice-code", "x-request-id", "request-id"]

type Anything = Readonly<Record<string, unknown>>

/** `redact` takes keys out of words, and what is too much. */
export function failureToWire(error: unknown, redact: (text: string) => string, depth = 0): WireFailure {
  if (!(error instanceof Error)) return { name: "Error", message: redact(String(error)) }
  const { code, retryable, details, statusCode, responseHeaders, raw } = error as unknown as Anything
  const kept = Object.entries((responseHeaders ?? {}) as Record<string, string>).filter(([name]) =>
    headers.includes(name),
  )
  return {
    name: error.name,
    message: redact(error.message),
    ...(typeof code === "string" && { code }),
    ...(typeof retryable === "boolean" && { retryable }),
    ...(typeof details === "object" && details !== null && { details: details as Anything }),
    ...(typeof statusCode === "number" && { statusCode }),
    ...(kept.length > 0 && { responseHeaders: Object.fromEntries(kept) }),
    ...(raw !== undefined && { raw: raw as RawAnswer }),
    ...(error instanceof AnswerFailure && { text: error.text }),
    ...(error.cause !== undefined && depth < deepest && { cause: failureToWire(error.cause, redact, depth + 1) }),
  }
}

export function failureFromWire(failure: WireFailure): Error {
  const { name, message, code, retryable = false, details, text, cause, ...more } = failure
  const because = cause && { cause: failureFromWire(cause) }
  if (name === "AnswerFailure") {
    return new AnswerFailure(code as Extract<SluiceErrorCode, `answer-${string}`>, message, {
      text: text ?? "",
      retryable,
    })
  }
  const error =
    name === "SluiceError"
      ? new SluiceError(code as SluiceErrorCode, message, { ...because, retryable, ...(details && { details }) })
      : Object.assign(new Error(message, because), code !== undefined && { code })
  error.name = name
  return Object.assign(error, more)
}
