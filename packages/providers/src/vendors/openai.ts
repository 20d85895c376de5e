import { openAIShaped } from "./openai-shape.ts"
import type { Vendor } from "./vendor.ts"

/**
 * OpenAI. Charges max(max_tokens, its estimate of the prompt) to the tokens per minute when a request arrives.
 *
 * Source: OpenAI, rate limits guide, read 2026-11.
 */
export const openai: Vendor = openAIShaped({
  name: "openai",
  hosts: (host) => host === "api.openai.com" || host.endsWith(".api.openai.com"),
  tokenCharge: "largest",
  // The name that its SDKs give a key where they are told to send one; not documented for model calls.
  idempotencyHeader: "idempotency-key",
})
