import type { Feedback, LimitReading } from "@sluice/core"
import type { VirtualAnswer } from "../vendor/virtual-vendor.ts"

/**
 * How much of what a vendor says reaches the client: `openai` and `anthropic` all of it (with their own headers) · `azure` no
 * resets · `gemini` nothing but a refusal's own numbers · `bare` a status and perhaps a delay, no word about what was exceeded.
 */
export type WireStyle = "openai" | "anthropic" | "azure" | "gemini" | "bare"

/** What a client reads from an answer, in the terms of a quota's feedback. */
export type Heard = Pick<Feedback, "limits" | "retryAfterMs" | "refusal">

export function heardFrom(style: WireStyle, { limits, retryAfterMs, refusal }: VirtualAnswer): Heard {
  const told = limitsIn(style, limits, refusal?.dimension)
  // Only words tell a 429 for want of places from one for going too fast.
  const bare = refusal && { reason: refusal.reason === "places" ? ("rate" as const) : refusal.reason }
  return {
    ...(told && told.length > 0 ? { limits: told } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(refusal && bare ? { refusal: style === "bare" ? bare : refusal } : {}),
  }
}

function limitsIn(
  style: WireStyle,
  limits: readonly LimitReading[] | undefined,
  refused: LimitReading["dimension"] | undefined,
): readonly LimitReading[] | undefined {
  switch (style) {
    case "openai":
    case "anthropic":
      return limits
    case "azure":
      return limits?.map(({ resetMs: _reset, ...rest }) => rest)
    case "gemini":
      return limits
        ?.filter(({ dimension }) => dimension === refused)
        .map(({ dimension, limit }) => ({ dimension, remaining: 0, ...(limit === undefined ? {} : { limit }) }))
    case "bare":
      return undefined
  }
}
