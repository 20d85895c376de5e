import { anthropic } from "../vendors/anthropic.ts"
import { bedrock } from "../vendors/bedrock.ts"
import { cohere } from "../vendors/cohere.ts"
import { gemini } from "../vendors/gemini.ts"
import { openai } from "../vendors/openai.ts"
import { azure, groq, mistral, openaiCompatible, openrouter, together } from "../vendors/openai-compatible.ts"
import type { Vendor } from "../vendors/vendor.ts"

// The first that fits: `vertex.anthropic.messages`, `azure-openai.responses`.
const byProvider: readonly (readonly [RegExp, Vendor])[] = [
  [/anthropic/, anthropic],
  [/bedrock/, bedrock],
  [/google|gemini|vertex/, gemini],
  [/azure/, azure],
  [/openrouter/, openrouter],
  [/groq/, groq],
  [/mistral/, mistral],
  [/together/, together],
  [/cohere/, cohere],
  [/^openai\b/, openai],
]

/** Who counts and refuses behind a provider of the AI SDK, by the provider's name. */
export function providerVendor(provider: string): Vendor {
  return byProvider.find(([pattern]) => pattern.test(provider))?.[1] ?? openaiCompatible
}
