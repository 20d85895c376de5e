import { limitedFetch, type LimitedFetch } from "./limited-fetch.ts"
import type { LimitedFetchOptions } from "./options.ts"

/**
 * The SDKs' time-outs run while a call waits for admission, so they are set to the longest timer there is: what one
 * attempt may take is `timeoutMs` of `limitedFetch`, what the wait may take is its `maxWaitMs`.
 */
const neverMs = 2_147_483_647

/** Options for `new OpenAI(...)`. */
export interface OpenAIClientOptions {
  readonly fetch: LimitedFetch
  readonly maxRetries: 0
  readonly timeout: number
}

/**
 * What `new OpenAI(...)` needs so that exactly one layer retries and waits: ours.
 *
 * @example
 * ```ts
 * const client = new OpenAI({ apiKey: "any", ...openaiOptions({ requestsPerMinute: 500, tokensPerMinute: 200_000 }) })
 * client.maxRetries // => 0
 * ```
 */
export function openaiOptions(limits: LimitedFetchOptions | LimitedFetch = {}): OpenAIClientOptions {
  return { fetch: fetchOf(limits), maxRetries: 0, timeout: neverMs }
}

/**
 * The same for `new Anthropic(...)`.
 *
 * @example
 * ```ts
 * const client = new Anthropic({ apiKey: "any", ...anthropicOptions({ requestsPerMinute: 50 }) })
 * client.maxRetries // => 0
 * ```
 */
export function anthropicOptions(limits: LimitedFetchOptions | LimitedFetch = {}): OpenAIClientOptions {
  return openaiOptions(limits)
}

/**
 * The same for `new GoogleGenAI(...)`, as its `httpOptions`.
 *
 * @example
 * ```ts
 * const client = new GoogleGenAI({ apiKey: "any", httpOptions: googleOptions({ requestsPerMinute: 15 }) })
 * ```
 */
export function googleOptions(limits: LimitedFetchOptions | LimitedFetch = {}): {
  fetch: LimitedFetch
  retryOptions: { attempts: number }
} {
  return { fetch: fetchOf(limits), retryOptions: { attempts: 1 } }
}

/**
 * The same for the AI SDK, where the fetch belongs to the provider and the retries to each call.
 *
 * @example
 * ```ts
 * const limited = aiSdkOptions({ requestsPerMinute: 500 })
 * const provider = createOpenAI({ apiKey: "any", ...limited.provider })
 * limited.call // => { maxRetries: 0 }
 * ```
 */
export function aiSdkOptions(limits: LimitedFetchOptions | LimitedFetch = {}): {
  /** Spread into `createOpenAI`, `createAnthropic`, `createGoogleGenerativeAI`, `createOpenAICompatible`. */
  readonly provider: { readonly fetch: LimitedFetch }
  /** Spread into `generateText`, `streamText`, `embedMany`, … */
  readonly call: { readonly maxRetries: 0 }
} {
  return { provider: { fetch: fetchOf(limits) }, call: { maxRetries: 0 } }
}

function fetchOf(limits: LimitedFetchOptions | LimitedFetch): LimitedFetch {
  return typeof limits === "function" ? limits : limitedFetch(limits)
}
