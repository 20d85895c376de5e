import { anthropicBatches as ofAnthropic } from "./vendors/anthropic-batches.ts"
import { geminiBatches as ofGemini } from "./vendors/gemini-batches.ts"
import { openaiBatches as ofOpenAI } from "./vendors/openai-batches.ts"

// Constants, not names passed on: what passes a name on is followed by bundlers that split, and an app that only uses
// `limitedFetch`, which has these loaded on demand, would begin with them.

/**
 * Anthropic's Message Batches API.
 *
 * Its batches carry no label. One that was created just before a crash is known by its time and size, and by the ids of
 * its results; where two are alike, none is taken, and the work is submitted again.
 *
 * Source: platform.claude.com, message batches, read 2026-11: 100,000 requests, 256 MB, 24 h, half price.
 *
 * @example
 * ```ts
 * const vendor = anthropicBatches(new Anthropic({ apiKey: "any" }))
 * vendor.maxRequests // => 100000
 * ```
 */
export const anthropicBatches: typeof ofAnthropic = ofAnthropic

/**
 * Gemini's Batch API with inlined requests. A request is what `generateContent` takes, `model` included:
 * `{ model, contents, config }`. A job that expires or is cancelled gives nothing back.
 *
 * Source: ai.google.dev, Batch API, read 2026-11: 20 MB of inlined requests, 24 h aimed at, 48 h at most, half price.
 *
 * @example
 * ```ts
 * const vendor = geminiBatches(new GoogleGenAI({ apiKey: "any" }))
 * vendor.priceShare // => 0.5
 * ```
 */
export const geminiBatches: typeof ofGemini = ofGemini

/**
 * OpenAI's Batch API (files and batches), and the servers that copy it.
 * Merges the error file into the results; a batch that expired gives what it has, which is charged.
 *
 * Source: OpenAI, batch guide, read 2026-11: 50,000 requests, 200 MB, 24 h, half price.
 *
 * @example
 * ```ts
 * const vendor = openaiBatches(new OpenAI({ apiKey: "any" }))
 * vendor.maxRequests // => 50000
 * ```
 */
export const openaiBatches: typeof ofOpenAI = ofOpenAI
