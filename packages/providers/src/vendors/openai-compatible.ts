import { openAIShaped } from "./openai-shape.ts"
import type { Vendor } from "./vendor.ts"

const within =
  (...domains: readonly string[]) =>
  (host: string): boolean =>
    domains.some((domain) => host === domain || host.endsWith(`.${domain}`))

/** Groq: its `*-requests` headers count a day, cached tokens are free. Source: Groq, rate limits, read 2026-11. */
export const groq: Vendor = openAIShaped({
  name: "groq",
  hosts: within("groq.com"),
  tokenCharge: "produced",
  requestsWindowMs: 86_400_000,
  cachedTokensFree: true,
})

/**
 * Azure OpenAI: charges prompt + max_tokens at arrival; checks requests over 1 s or 10 s, and expects them evenly spread.
 * Source: Azure, manage quota, read 2026-11.
 */
export const azure: Vendor = openAIShaped({
  name: "azure",
  hosts: within("openai.azure.com", "cognitiveservices.azure.com", "services.ai.azure.com"),
  tokenCharge: "sum",
  requestsSliceMs: 1000,
})

/** OpenRouter: errors of the vendor behind it come through, also as an event after HTTP 200. */
export const openrouter: Vendor = openAIShaped({
  name: "openrouter",
  hosts: within("openrouter.ai"),
  tokenCharge: "produced",
})

export const mistral: Vendor = openAIShaped({ name: "mistral", hosts: within("mistral.ai"), tokenCharge: "produced" })

export const together: Vendor = openAIShaped({
  name: "together",
  hosts: within("together.xyz", "together.ai"),
  tokenCharge: "produced",
})

/** Any other server with OpenAI's paths: Ollama, vLLM, LM Studio, a gateway. They queue rather than refuse. */
export const openaiCompatible: Vendor = openAIShaped({
  name: "openai-compatible",
  hosts: () => false,
  tokenCharge: "produced",
})
