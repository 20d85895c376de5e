import { aiGateway } from "./ai-gateway.ts"
import { anthropic } from "./anthropic.ts"
import { bedrock } from "./bedrock.ts"
import { cohere } from "./cohere.ts"
import { gemini } from "./gemini.ts"
import { ollama } from "./ollama.ts"
import { azure, groq, mistral, openaiCompatible, openrouter, together } from "./openai-compatible.ts"
import { openai } from "./openai.ts"
import type { ModelCall, Vendor } from "./vendor.ts"

/** Every vendor that is known by name, most specific first. A new one is one line here. */
export const vendors: readonly Vendor[] = Object.freeze([
  openai,
  anthropic,
  gemini,
  azure,
  groq,
  openrouter,
  mistral,
  together,
  cohere,
  bedrock,
  aiGateway,
  ollama,
  openaiCompatible,
])

/** A model call, and whose it is. */
export interface FoundCall {
  readonly vendor: Vendor
  readonly call: ModelCall
}

/**
 * The vendor and the model call behind a request: by host, else by the shape of the path, so that a gateway, a local server
 * or a vendor's endpoint for another one's protocol is known by what it speaks. `undefined`: not a model call.
 *
 * @example
 * ```ts
 * findVendor(new URL("https://openrouter.ai/api/v1/messages"), "POST")?.vendor.name // => "anthropic"
 * ```
 */
export function findVendor(url: URL, method: string, header?: (name: string) => string | null): FoundCall | undefined {
  if (method !== "POST") return undefined
  for (const vendor of candidates(url.hostname)) {
    const call = vendor.recognise(url, method, header)
    if (call) return { vendor, call }
  }
  return undefined
}

const shapes = [anthropic, gemini, cohere, bedrock, aiGateway, ollama, openaiCompatible]

// A program calls a few hosts, thousands of times.
const byHost = new Map<string, readonly Vendor[]>()
const mostHosts = 1000

function candidates(host: string): readonly Vendor[] {
  let found = byHost.get(host)
  if (!found) {
    const known = vendors.find((vendor) => vendor.hosts(host))
    found = known ? [known, ...shapes.filter((shape) => shape !== known)] : shapes
    if (byHost.size < mostHosts) byHost.set(host, found)
  }
  return found
}
