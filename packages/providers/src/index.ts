export { type AiSdkMiddleware, aiSdkMiddleware } from "./middleware/ai-sdk-middleware.ts"
export { AnswerError } from "./items/answer-error.ts"
export { ask, askDefaults, type Answered, type AskOptions } from "./items/ask.ts"
export type { AskModel } from "./items/ask-model.ts"
export { coalesce, coalesceDefaults, type CoalesceOptions } from "./items/coalesce.ts"
export { coalesceEmbeddings, coalesceEmbeddingsDefaults, type CoalesceEmbeddingsOptions } from "./items/embeddings.ts"
export { type Fallback, type FallbackCall, fallbackDefaults } from "./call/elsewhere/fallback-option.ts"
export { findVendor, type FoundCall, vendors } from "./vendors/find-vendor.ts"
export { limitedFetch, type LimitedFetch } from "./limited-fetch.ts"
export type { QuotaWait } from "./accounts/accounts.ts"
export { untimedFetch } from "./http/sending/untimed-fetch.ts"
export type { AdaptiveTimeout, HedgeOptions } from "./call/slow-options.ts"
export { type CallIdentity, limitedFetchDefaults, type LimitedFetchOptions } from "./options.ts"
export type { OpenAIShape } from "./vendors/openai-shape.ts"
export { openAIShaped } from "./vendors/own-openai-shape.ts"
export { longestAnswer, type Price, type Prices, prices, pricesAsOf, usdOf } from "./accounts/prices.ts"
export {
  aiSdkOptions,
  anthropicOptions,
  googleOptions,
  openaiOptions,
  type OpenAIClientOptions,
} from "./sdk-options.ts"
export { bestPattern } from "./accounts/model-pattern.ts"
export { type UsageReport, type UsageTally, usageTally } from "./accounts/usage-tally.ts"
export type {
  VendorAnswer,
  Learned,
  ModelCall,
  RequestFacts,
  StreamFact,
  Usage,
  Vendor,
  Verdict,
} from "./vendors/vendor.ts"
export { type CallOptions, withCall } from "./call/with-call.ts"
export { type FailedAttempt, VendorError } from "./call/failure/vendor-error.ts"
export { aiGateway } from "./vendors/ai-gateway.ts"
export { anthropic } from "./vendors/anthropic.ts"
export { bedrock } from "./vendors/bedrock.ts"
export { cohere } from "./vendors/cohere.ts"
export { gemini } from "./vendors/gemini.ts"
export { ollama } from "./vendors/ollama.ts"
export { openai } from "./vendors/openai.ts"
export { azure, groq, mistral, openaiCompatible, openrouter, together } from "./vendors/openai-compatible.ts"
export { type BatchLedger, journalLedger, memoryLedger } from "./vendor-batch/batch-ledger.ts"
export type {
  BatchEvent,
  BatchProgress,
  BatchRequest,
  BatchResult,
  BatchVendor,
} from "./vendor-batch/vendors/batch-vendor.ts"
export { laneDefaults, type LaneOptions } from "./vendor-batch/engine/lane-options.ts"
export { anthropicBatches, geminiBatches, openaiBatches } from "./vendor-batch/batch-vendors.ts"
export { runBatches } from "./vendor-batch/run-batches.ts"
export { runBatchesDefaults, type RunBatchesOptions } from "./vendor-batch/run-batches-options.ts"
export type { NamedQuota, QuotaIdentity } from "./accounts/accounts.ts"
