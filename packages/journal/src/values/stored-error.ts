import { listOf, number, object, optional, type Reader, reader, text } from "../reader.ts"

/** An error as the journal keeps it: what people and retries need, and nothing of the request. */
export interface StoredError {
  readonly name: string
  readonly message: string
  readonly code?: string | number | undefined
  readonly statusCode?: number | undefined
  readonly retryable?: boolean | undefined
  readonly cause?: StoredError | undefined
  /** One per attempt, oldest first, when the error keeps them. */
  readonly errors?: readonly StoredError[] | undefined
  /** Plain data that whoever settled the item put on the error's `kept`, such as the input and half an answer. */
  readonly kept?: unknown
}

export const storedError: Reader<StoredError> = object<StoredError>({
  name: text,
  message: text,
  code: optional(reader<string | number>("a text or a number", (code) => /string|number/.test(typeof code))),
  statusCode: optional(number),
  retryable: optional(reader<boolean>("true or false", (value) => typeof value === "boolean")),
  cause: optional((value) => storedError(value)),
  errors: optional(listOf((value) => storedError(value))),
  kept: (value) => value,
})

const maxDepth = 5

/** Picks what is kept of an error. Headers, bodies and other properties, where keys and prompts live, are left out. */
export function toStoredError(error: unknown, depth = 0): StoredError {
  if (typeof error !== "object" || error === null) return { name: "Error", message: String(error) }
  const source = error as Record<string, unknown>
  const { code, statusCode, retryable, cause, errors } = source
  return {
    name: typeof source["name"] === "string" ? source["name"] : "Error",
    message: typeof source["message"] === "string" ? source["message"] : "(no message)",
    ...((typeof code === "string" || typeof code === "number") && { code }),
    ...(typeof statusCode === "number" && { statusCode }),
    ...(typeof retryable === "boolean" && { retryable }),
    ...(depth === 0 && source["kept"] !== undefined && { kept: source["kept"] }),
    ...(cause !== undefined && depth < maxDepth && { cause: toStoredError(cause, depth + 1) }),
    ...(Array.isArray(errors) && depth < maxDepth && { errors: errors.map((one) => toStoredError(one, depth + 1)) }),
  }
}

/** The error again, without the stack of a process that is gone. */
export function fromStoredError(stored: StoredError): Error {
  const error = new Error(stored.message)
  error.stack = `${stored.name}: ${stored.message}\n    (from the journal)`
  const { cause, errors, message: _, ...rest } = stored
  return Object.assign(
    error,
    rest,
    cause && { cause: fromStoredError(cause) },
    errors && { errors: errors.map(fromStoredError) },
  )
}
