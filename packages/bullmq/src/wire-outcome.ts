import { type Outcome, SluiceError, type SluiceErrorCode } from "@sluice/core"
import { boundedText } from "@sluice/core/internal"

/** An item or a result beyond this is passed by reference: a path, an id, a URL. */
export const mostBytes = 262_144

/** The items of one job: what BullMQ keeps until the coordinator has the outcomes. */
export interface JobData {
  readonly path: string
  readonly visit: number
  readonly runId: string
  readonly params: Readonly<Record<string, unknown>>
  /** What names nothing, and is in `params` all the same. */
  readonly also?: Readonly<Record<string, unknown>>
  /** `undefined` is left out: JSON would make `null` of it. */
  readonly items: readonly (readonly [index: number, item?: unknown])[]
}

/** How one item of a job ended. `print` names the item it is of, `ms` is how long it took. */
export type WireOutcome = {
  readonly index: number
  readonly print: string
  readonly attempts: number
  readonly ms: number
} & ({ readonly status: "ok"; readonly value?: unknown } | { readonly status: "failed"; readonly error: WireError })

/** The worker could not do the item, for a reason of its own: another one may, so who goes on asks again. */
export function isOfWorker(outcome: WireOutcome): boolean {
  return outcome.status === "failed" && outcome.error.code === "worker-error"
}

interface WireError {
  readonly name: string
  readonly message: string
  readonly code?: string
  readonly retryable?: boolean
}

/** The JSON of what goes through Redis, and its bytes. @throws SluiceError `not-serialisable`, `payload-too-large` */
export function checkPayload(
  what: string,
  value: unknown,
): { readonly text: string | undefined; readonly bytes: number } {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (cause) {
    throw new SluiceError("not-serialisable", `${what} cannot be sent as JSON: ${String(cause)}.`, { cause })
  }
  if (text === undefined && value !== undefined) {
    const kind = typeof value === "object" ? `an object whose toJSON returns nothing` : `a ${typeof value}`
    throw new SluiceError("not-serialisable", `${what} cannot be sent as JSON: it is ${kind}.`)
  }
  const bytes = text === undefined ? 0 : Buffer.byteLength(text)
  if (bytes <= mostBytes) return { text, bytes }
  throw new SluiceError(
    "payload-too-large",
    `${what} has ${bytes} bytes as JSON; at most ${mostBytes} go through Redis. Pass a reference: a path, an id, a URL.`,
    { details: { bytes, mostBytes } },
  )
}

/** `print` is the item's from before its work, which may have changed it. */
export function toWire(print: string, outcome: Outcome<unknown>, ms: number): WireOutcome {
  const { index, attempts } = outcome
  const which = { index, print, attempts, ms: Math.round(ms) }
  if (outcome.status === "failed") return { ...which, status: "failed", error: errorToWire(outcome.error) }
  try {
    checkPayload(`The result of item ${index}`, outcome.value)
  } catch (error) {
    return { ...which, status: "failed", error: errorToWire(error) }
  }
  return { ...which, status: "ok", value: outcome.value }
}

function errorToWire(error: unknown): WireError {
  if (!(error instanceof Error)) return { name: "Error", message: boundedText(String(error)) }
  const { name, message, code, retryable } = error as Error & { code?: unknown; retryable?: unknown }
  return {
    name: boundedText(name),
    message: boundedText(message),
    ...(typeof code === "string" && { code: boundedText(code) }),
    ...(typeof retryable === "boolean" && { retryable }),
  }
}

export function errorFromWire({ name, message, code, retryable }: WireError): Error {
  if (name === "SluiceError" && code !== undefined)
    return new SluiceError(code as SluiceErrorCode, message, { retryable: retryable ?? false })
  const error = new Error(message)
  error.name = name
  return Object.assign(error, { ...(code !== undefined && { code }), ...(retryable !== undefined && { retryable }) })
}
