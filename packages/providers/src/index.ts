export { AnswerError } from "./items/answer-error.ts"
export { ask, askDefaults, type Answered, type AskOptions } from "./items/ask.ts"
export { coalesce, coalesceDefaults, type CoalesceOptions } from "./items/coalesce.ts"
export { coalesceEmbeddings, coalesceEmbeddingsDefaults, type CoalesceEmbeddingsOptions } from "./items/embeddings.ts"
export { type Fallback, fallbackDefaults } from "./call/fallback.ts"
export { findVendor, vendors } from "./vendors/find-vendor.ts"
export { limitedFetch, type LimitedFetch } from "./limited-fetch.ts"
export { type CallIdentity, limitedFetchDefaults, type LimitedFetchOptions } from "./options.ts"
export { openAIShaped, type OpenAIShape } from "./vendors/openai-shape.ts"
export { type Price, type Prices, prices, pricesAsOf, usdOf } from "./accounts/prices.ts"
export {
  aiSdkOptions,
  anthropicOptions,
  googleOptions,
  openaiOptions,
  type OpenAIClientOptions,
} from "./sdk-options.ts"
export { bestPattern } from "./accounts/model-pattern.ts"
export { type UsageReport, type UsageTally, usageTally } from "./accounts/usage-tally.ts"
export type { Answer, Learned, ModelCall, RequestFacts, StreamFact, Usage, Vendor, Verdict } from "./vendors/vendor.ts"
export { type FailedAttempt, VendorError } from "./call/vendor-error.ts"
export { anthropic } from "./vendors/anthropic.ts"
export { gemini } from "./vendors/gemini.ts"
export { openai } from "./vendors/openai.ts"
export { azure, groq, mistral, openaiCompatible, openrouter, together } from "./vendors/openai-compatible.ts"
export { anthropicBatches } from "./vendor-batch/anthropic-batches.ts"
export { type BatchLedger, journalLedger, memoryLedger } from "./vendor-batch/batch-ledger.ts"
export type { BatchProgress, BatchRequest, BatchResult, BatchVendor } from "./vendor-batch/batch-vendor.ts"
export { geminiBatches } from "./vendor-batch/gemini-batches.ts"
export { laneDefaults, type LaneOptions } from "./vendor-batch/lane-options.ts"
export { openaiBatches } from "./vendor-batch/openai-batches.ts"
export { runBatches } from "./vendor-batch/run-batches.ts"
export { type BatchEvent, runBatchesDefaults, type RunBatchesOptions } from "./vendor-batch/run-batches-options.ts"
