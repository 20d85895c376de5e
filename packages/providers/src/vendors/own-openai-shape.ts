import { callable, checkOptions, flag, listOf, needed, oneOf, positive, type Shape, text } from "@sluice/core/internal"
import { type OpenAIShape, openAIShaped as ofShape } from "./openai-shape.ts"
import type { Vendor } from "./vendor.ts"

const checks: Shape<OpenAIShape> = {
  name: needed(text),
  hosts: needed(callable),
  tokenCharge: needed(oneOf("largest", "sum", "produced")),
  cachedTokensFree: flag,
  idempotencyHeader: text,
  accountHeaders: listOf(text),
  requestsWindowMs: positive,
  requestsSliceMs: positive,
}

/**
 * A vendor that speaks OpenAI's protocol.
 *
 * @throws SluiceError `invalid-option`
 *
 * Source: OpenAI's API reference, rate limits guide and error codes guide, read 2026-11.
 */
export function openAIShaped(shape: OpenAIShape): Vendor {
  checkOptions("openAIShaped", shape, checks)
  return ofShape(shape)
}
