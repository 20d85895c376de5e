import type { Limiter } from "@sluice/core"
import { createQuota, type QuotaOptions } from "@sluice/scheduler"
import { ModelAttempts } from "./model-attempts.ts"
import type { ModelParams, NamedModel } from "./model-call.ts"
import { watchedParts } from "./watched-parts.ts"

interface WrappedCall {
  readonly params: ModelParams
  readonly model: NamedModel
}

/** What `wrapLanguageModel` of AI SDK 5, 6 and 7 takes as `middleware`. */
export interface AiSdkMiddleware {
  readonly specificationVersion: "v3"
  readonly transformParams: <P extends ModelParams>(call: { readonly params: P }) => Promise<P>
  readonly wrapGenerate: <R>(call: WrappedCall & { readonly doGenerate: () => PromiseLike<R> }) => Promise<R>
  readonly wrapStream: <R extends { readonly stream: ReadableStream }>(
    call: WrappedCall & { readonly doStream: () => PromiseLike<R> },
  ) => Promise<R>
}

/**
 * A middleware for `wrapLanguageModel` of the AI SDK, for models whose provider takes no `fetch`: each call is admitted by the
 * quota, and settled with the tokens that the model counted. Where there is a `fetch`, prefer `aiSdkOptions`, which sees every
 * attempt and every answer whole; both around one model would count it twice.
 *
 * Models wrapped with one middleware share its quota. A refusal (429) closes it for all, and is waited out here; other failures
 * go to the AI SDK, whose `maxRetries` holds for them, each retry admitted anew. A stream holds its permit until it ends, fails,
 * is cancelled or is dropped. An abort ends a wait at once; the item of a batch that makes the call takes it along. `withCall` holds.
 *
 * @throws SluiceError `invalid-option` at once. Calls reject with what the model throws, with `signal.reason`, and with the
 * limiter's errors (`queue-full`, `deadline-unreachable`, `quota-exhausted`, `cost-exceeds-limit`).
 * @example
 * ```ts
 * const middleware = aiSdkMiddleware({ requestsPerMinute: 500, tokensPerMinute: 200_000 })
 * const model = wrapLanguageModel({ model: createOpenAI({ apiKey: "any" })("gpt-5-mini"), middleware })
 * model.modelId // => "gpt-5-mini"
 * ```
 */
export function aiSdkMiddleware(limits: QuotaOptions | Limiter = {}): AiSdkMiddleware {
  const attempts =
    "admit" in limits ? new ModelAttempts(limits, {}) : new ModelAttempts(createQuota(limits), { own: limits })
  return {
    specificationVersion: "v3",
    transformParams: async ({ params }) => attempts.withItemSignal(params),
    wrapGenerate: ({ model, params, doGenerate }) =>
      attempts.run(model, params, false, async (attempt) => {
        const result = await doGenerate()
        attempt.answered(result)
        return result
      }),
    wrapStream: ({ model, params, doStream }) =>
      attempts.run(model, params, true, async (attempt) => {
        const result = await doStream()
        return { ...result, stream: watchedParts(result.stream, attempt.streaming(result)) }
      }),
  }
}
