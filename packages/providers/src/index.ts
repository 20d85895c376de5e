export { AnswerError } from "./answer-error.ts"
export { ask, askDefaults, type Answered, type AskOptions } from "./ask.ts"
export { coalesce, coalesceDefaults, type CoalesceOptions } from "./coalesce.ts"
export {
  coalesceEmbeddings,
  coalesceEmbeddingsDefaults,
  type CoalesceEmbeddingsOptions,
} from "./coalesce-embeddings.ts"
export { type Fallback, fallbackDefaults } from "./fallback.ts"
export { findVendor, vendors } from "./find-vendor.ts"
export { limitedFetch, type LimitedFetch } from "./limited-fetch.ts"
export { type CallIdentity, limitedFetchDefaults, type LimitedFetchOptions } from "./limited-fetch-options.ts"
export { openAIShaped, type OpenAIShape } from "./openai-shape.ts"
export { type Price, type Prices, prices, pricesAsOf, usdOf } from "./prices.ts"
export {
  aiSdkOptions,
  anthropicOptions,
  googleOptions,
  openaiOptions,
  type OpenAIClientOptions,
} from "./sdk-options.ts"
export { bestPattern } from "./model-pattern.ts"
export { type UsageReport, type UsageTally, usageTally } from "./usage-tally.ts"
export type { Answer, Learned, ModelCall, RequestFacts, StreamFact, Usage, Vendor, Verdict } from "./vendor.ts"
export { type FailedAttempt, VendorError } from "./vendor-error.ts"
export { anthropic } from "./vendors/anthropic.ts"
export { gemini } from "./vendors/gemini.ts"
export { openai } from "./vendors/openai.ts"
export { azure, groq, mistral, openaiCompatible, openrouter, together } from "./vendors/openai-compatible.ts"
export { anthropicBatches } from "./batch/anthropic-batches.ts"
export { type BatchLedger, journalLedger, memoryLedger } from "./batch/batch-ledger.ts"
export type { BatchProgress, BatchRequest, BatchResult, BatchVendor } from "./batch/batch-vendor.ts"
export { geminiBatches } from "./batch/gemini-batches.ts"
export { laneDefaults, type LaneOptions } from "./batch/lane-options.ts"
export { openaiBatches } from "./batch/openai-batches.ts"
export { runBatches } from "./batch/run-batches.ts"
export { type BatchEvent, runBatchesDefaults, type RunBatchesOptions } from "./batch/run-batches-options.ts"
