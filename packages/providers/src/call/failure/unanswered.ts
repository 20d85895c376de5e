import type { SluiceErrorCode } from "@sluice/core"
import { mostUnsent, outOfFiles } from "../../http/open-files.ts"
import type { Verdict } from "../../vendors/vendor.ts"
import { type FailedAttempt, VendorError } from "./vendor-error.ts"

const unansweredCodes: ReadonlyMap<string, SluiceErrorCode> = new Map([
  ["answer-too-large", "answer-too-large"],
  ["invalid-request", "invalid-option"],
])

/** The error of a call whose last attempt brought no answer that could be handed on. `made`: its attempts in all. */
export function unanswered(
  { code, message }: Verdict,
  call: {
    readonly vendor: string
    readonly model: string
    readonly attempts: readonly FailedAttempt[]
    readonly made: number
  },
  cause: unknown,
): VendorError {
  const { vendor, model, attempts } = call
  const facts = { vendor, model, attempts, cause }
  const made = call.made === 1 ? "1 attempt" : `${call.made} attempts`
  // OpenAI's and Anthropic's SDKs look for "timed out" to tell the two apart.
  if (code === "timeout") {
    const advice = message.includes("idleTimeoutMs")
      ? "Raise idleTimeoutMs"
      : message.includes("adaptiveTimeout")
        ? "Raise adaptiveTimeout.times"
        : "Raise timeoutMs, or ask for less at once"
    return new VendorError(
      "timeout",
      `${vendor} ${model}: timed out: ${message}, at the last of ${made}. ${advice}.`,
      facts,
    )
  }
  const files = outOfFiles(cause)
  if (files)
    return new VendorError(
      "connection",
      `${vendor} ${model}: this process may open no more connections (${files}), and none came free in ${mostUnsent} tries. Close what else is open, or allow more (ulimit -n).`,
      facts,
    )
  if (code === "connection")
    return new VendorError(
      code,
      `${vendor} ${model}: no connection (${message}) in ${made}. Check the address and the network.`,
      facts,
    )
  const reason = unansweredCodes.get(code) ?? "vendor-refused"
  return new VendorError(reason, `${vendor} ${model}: ${message}`, { ...facts, retryable: false })
}
