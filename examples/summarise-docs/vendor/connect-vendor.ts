import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import type { LanguageModel } from "ai"
import { limitedFetch, openAIShaped } from "sluice/providers"
import type { LimitedFetch, LimitedFetchOptions } from "sluice/providers"
import { startLabVendor } from "./lab-vendor.ts"
import type { LabLimit, LabVendor } from "./lab-vendor.ts"
import type { RateOptions } from "sluice/scheduler"
import type { DemoOptions } from "../options.ts"
import { UsageError } from "../usage-error.ts"

/** Whom the demo calls, and the `fetch` that keeps those calls within the quota. */
export interface Connection {
  readonly model: LanguageModel
  readonly modelName: string
  readonly fetch: LimitedFetch
  /** Calls cost money: fewer documents by default, and the key is tried once before the rest. */
  readonly paid: boolean
  readonly lab?: LabVendor
}

/** The quota of the simulated vendor unless options say otherwise. */
const labQuota = { rpm: 600, tpm: 400_000 }
/** A third of a minute stands ready, so that the limits bind well within the demo's minute. */
const readyShare = 1 / 3
/** How the simulated vendor counts tokens: prompt and `max_tokens` together, when a call arrives. */
const labVendor = openAIShaped({ name: "lab", hosts: () => false, tokenCharge: "sum" })
/** The first calls to a process that is still warming up arrive up to this much later than they left. */
const latenessMs = 500

/** The first of: `--base-url`, a key of OpenAI, of Anthropic, of Google, the simulated vendor. */
export async function connectVendor(
  options: Pick<DemoOptions, "model" | "baseUrl" | "rpm" | "tpm">,
  env: Readonly<Record<string, string | undefined>>,
  onEvent: NonNullable<LimitedFetchOptions["onEvent"]>,
): Promise<Connection> {
  const { model, baseUrl } = options
  const limited = (limits: LimitedFetchOptions = told(options)): LimitedFetch => limitedFetch({ ...limits, onEvent })

  if (baseUrl !== undefined) {
    if (model === undefined) throw new UsageError("--base-url needs --model: the name of a model that the server has")
    const fetch = limited()
    const apiKey = env["OPENAI_API_KEY"]
    const provider = createOpenAICompatible({
      name: "compatible",
      baseURL: baseUrl,
      fetch,
      ...(apiKey ? { apiKey } : {}),
    })
    return { model: provider(model), modelName: model, fetch, paid: apiKey !== undefined }
  }
  // Each vendor's package is loaded only where it is used.
  if (env["OPENAI_API_KEY"]) {
    const { createOpenAI } = await import("@ai-sdk/openai")
    const [fetch, modelName] = [limited(), model ?? "gpt-4.1-mini"]
    return { model: createOpenAI({ fetch }).chat(modelName), modelName, fetch, paid: true }
  }
  if (env["ANTHROPIC_API_KEY"]) {
    const { createAnthropic } = await import("@ai-sdk/anthropic")
    const [fetch, modelName] = [limited(), model ?? "claude-haiku-4-5"]
    return { model: createAnthropic({ fetch })(modelName), modelName, fetch, paid: true }
  }
  if (env["GEMINI_API_KEY"]) {
    const { createGoogleGenerativeAI } = await import("@ai-sdk/google")
    const [fetch, modelName] = [limited(), model ?? "gemini-3.5-flash-lite"]
    return {
      model: createGoogleGenerativeAI({ fetch, apiKey: env["GEMINI_API_KEY"] })(modelName),
      modelName,
      fetch,
      paid: true,
    }
  }
  const { rpm = labQuota.rpm, tpm = labQuota.tpm } = options
  const [requests, tokens] = [rpm, tpm].map((limit) => ({
    limit,
    burst: Math.max(1, Math.round(limit * readyShare)),
  })) as [LabLimit, LabLimit]
  const lab = await startLabVendor(requests, tokens)
  const fetch = limited({
    requestsPerMinute: onTheSafeSide(requests),
    tokensPerMinute: onTheSafeSide(tokens),
    vendor: labVendor,
  })
  const modelName = model ?? "lab-extractive"
  const provider = createOpenAICompatible({ name: "lab", baseURL: `${lab.url}/v1`, fetch })
  return { model: provider(modelName), modelName, fetch, paid: false, lab }
}

/** What stood ready while the first calls were on their way was full: it did not refill. */
function onTheSafeSide({ limit, burst }: LabLimit): RateOptions {
  return { kind: "bucket", limit, burst: Math.max(1, burst - (limit * latenessMs) / 60_000) }
}

function told({ rpm, tpm }: Pick<DemoOptions, "rpm" | "tpm">): LimitedFetchOptions {
  return {
    ...(rpm === undefined ? {} : { requestsPerMinute: rpm }),
    ...(tpm === undefined ? {} : { tokensPerMinute: tpm }),
  }
}
