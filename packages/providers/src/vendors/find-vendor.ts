import { anthropic } from "./anthropic.ts"
import { gemini } from "./gemini.ts"
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
  openaiCompatible,
])

/**
 * The vendor and the model call behind a request: by host, else by the shape of the path, so that a gateway or a
 * local server is known by what it imitates. `undefined`: not a model call.
 */
export function findVendor(url: URL, method: string): { vendor: Vendor; call: ModelCall } | undefined {
  if (method !== "POST") return undefined
  for (const vendor of candidates(url.hostname)) {
    const call = vendor.recognise(url, method)
    if (call) return { vendor, call }
  }
  return undefined
}

const shapes = [anthropic, gemini, openaiCompatible]

// A program calls a few hosts, thousands of times.
const byHost = new Map<string, readonly Vendor[]>()
const mostHosts = 1000

function candidates(host: string): readonly Vendor[] {
  let found = byHost.get(host)
  if (!found) {
    const known = vendors.find((vendor) => vendor.hosts(host))
    found = known ? [known] : shapes
    if (byHost.size < mostHosts) byHost.set(host, found)
  }
  return found
}
