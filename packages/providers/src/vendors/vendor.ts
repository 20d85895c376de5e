import type { Cost, Feedback } from "@sluice/core"
import type { PromptSize } from "../accounts/measure-prompt.ts"
import type { SseEvent } from "../http/sse.ts"

/** What the URL of a model call says. */
export interface ModelCall {
  /** The vendor's name for the operation: `chat/completions`, `messages`, `generateContent`. */
  readonly endpoint: string
  /** Only where the URL or a header names it (Gemini, Azure, Bedrock); otherwise the body does. */
  readonly model?: string
  /** Only where the URL or a header tells; otherwise the body does. */
  readonly stream?: boolean
}

/** What the body of a model call says, as far as admission needs it. Never the prompt itself. */
export interface RequestFacts {
  readonly model: string
  readonly prompt: PromptSize
  /** The caller's cap on the answer: `max_tokens` and its relatives. */
  readonly maxOutputTokens?: number
  readonly stream: boolean
  /** Answers asked for at once: `n`, `candidateCount`. Embeddings have none. */
  readonly answers: number
}

/** What was learned about a model from its answers so far. */
export interface Learned {
  readonly inputTokens: (prompt: PromptSize) => number
  /** Mean and spread of the answers' lengths. */
  readonly outputMean: number
  readonly outputSpread: number
}

/** Tokens as the vendor counted them. */
export interface Usage {
  /** All input, cached parts included. */
  readonly inputTokens: number
  readonly outputTokens: number
  /** Of the input, read from the vendor's cache. */
  readonly cachedInputTokens: number
  /** Of the input, written to the vendor's cache. */
  readonly cacheWriteTokens: number
  /** The vendor's own numbers contradict each other: accounted as estimated. */
  readonly isDoubtful?: boolean
}

/**
 * What an answer means for the call:
 * `ok` · `retry`: the vendor's fault, again after a backoff · `wait`: too fast, again when the quota says so ·
 * `reduce`: as `wait`, and the rate must fall · `split`: too large, smaller pieces may pass ·
 * `fatal`: again is useless, for this request or for the whole account.
 */
export interface Verdict {
  readonly kind: "ok" | "retry" | "wait" | "reduce" | "split" | "fatal"
  readonly scope?: "request" | "account"
  /** The vendor's own code where it has one. */
  readonly code: string
  /** The vendor's words, with anything like a key blanked out. */
  readonly message: string
}

/** An answer as far as it was read: `body` is parsed JSON, text, or `undefined`. */
export interface VendorAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: unknown
}

/** What one event of a stream tells. */
export interface StreamFact {
  readonly usage?: Partial<Usage>
  /** An error after HTTP 200, as the answer that the vendor would have given with a status. */
  readonly error?: VendorAnswer
  /** The event carries a piece of the answer. */
  readonly output?: boolean
  /** Nothing of the answer yet: an error after it can still be tried again, and the caller never knows. */
  readonly prelude?: boolean
  /** The vendor says that nothing comes after it: whoever leaves now has read the whole answer. */
  readonly last?: true
}

/**
 * A vendor, as pure functions: nothing here has state, reads a clock or does I/O.
 * A new one is one file in `vendors/`, one folder of fixtures and one line in `find-vendor.ts`.
 */
export interface Vendor {
  readonly name: string
  /** Whether this vendor answers at this host. */
  readonly hosts: (host: string) => boolean
  /** Request headers that tell one account from another, the secret first. Only their hash is ever kept. */
  readonly accountHeaders: readonly string[]
  /** The header that makes a repeated request safe, where the vendor honours one; in lower case. */
  readonly idempotencyHeader?: string
  /** `undefined`: not a model call, passes through untouched. */
  readonly recognise: (
    url: URL,
    method: string,
    /** Reads a header of the request. */
    header?: (name: string) => string | null,
  ) => ModelCall | undefined
  readonly read: (body: unknown, call: ModelCall) => RequestFacts
  /** What the vendor will charge to the rate limits when the call arrives. */
  readonly estimate: (request: RequestFacts, learned: Learned) => Cost
  /** What it has charged to the rate limits, now that the usage is known. */
  readonly charged: (estimate: Cost, usage: Usage, request?: RequestFacts) => Cost
  readonly feedback: (answer: VendorAnswer, verdict: Verdict, nowWallMs: number) => Feedback
  readonly classify: (answer: VendorAnswer) => Verdict
  readonly usage: (body: unknown) => Usage | undefined
  /** Its answers may be of any form: none of HTTP 200 is an error. */
  readonly takesAnything?: boolean
  /** An error inside an answer of HTTP 200, as the answer that the vendor would have given with a status. */
  readonly hiddenError?: (body: unknown) => VendorAnswer | undefined
  readonly streamEvent: (event: SseEvent) => StreamFact | undefined
  /** The caller's request for another model: its URL and body. */
  readonly withModel: (
    url: URL,
    body: Readonly<Record<string, unknown>>,
    model: string,
  ) => { url: URL; body: Record<string, unknown> }
}
