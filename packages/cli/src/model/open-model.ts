import type { LanguageModelV4 } from "@ai-sdk/provider"
import type { Asker, AskerOptions } from "../asking/create-asker.ts"
import { type Env, keyNames, keyOf, parseModelName } from "./model-name.ts"
import { withRequestOptions } from "./request-options.ts"
import { usageError } from "../usage-error.ts"

export interface OpenedModel {
  readonly ask: Asker
  close(): Promise<void>
}

export interface OpenModelOptions extends AskerOptions {
  readonly env: Env
  /** Admits and retries every call. */
  readonly fetch: typeof globalThis.fetch
  readonly baseUrl?: string | undefined
}

/** Makes the model behind `name` out of the AI SDK; only what is needed is loaded. `noop:` answers nothing, by itself. */
export async function openModel(name: string, options: OpenModelOptions): Promise<OpenedModel> {
  const { vendor, id } = parseModelName(name)
  const { env, baseUrl } = options
  const { requestOptions } = options.question
  const fetch = requestOptions ? withRequestOptions(options.fetch, requestOptions) : options.fetch
  if (baseUrl !== undefined) checkAddress(baseUrl)
  const nothing = async (): Promise<void> => {}
  if (vendor === "noop") return { ask: async () => ({ output: "", finishReason: "stop" }), close: nothing }
  const { request } = options.question
  const asking = async (model: LanguageModelV4): Promise<Asker> =>
    (await import("../asking/create-asker.ts")).createAsker(model, options)
  const sending = async (address: string, key?: string): Promise<Asker> =>
    (await import("../asking/request-asker.ts")).createRequestAsker({
      fetch,
      baseUrl: address,
      apiKey: key,
      request: request!,
    })
  if (vendor === "lab") {
    const { startVendor } = await import("@sluice/lab")
    const lab = await startVendor({ latency: { baseMs: 0, perOutputTokenMs: 0 }, answer: "extractive" })
    if (request) return { ask: await sending(`${lab.url}/v1`), close: () => lab.stop() }
    return { ask: await asking(await compatible(id, "lab", `${lab.url}/v1`, fetch)), close: () => lab.stop() }
  }
  const keyName = keyNames[vendor] ?? ""
  const apiKey = keyOf(vendor, env)
  if (vendor === "openai-compatible") {
    if (!baseUrl)
      throw usageError(`--model ${name}: give --base-url, for example --base-url http://127.0.0.1:11434/v1.`)
    if (request) return { ask: await sending(baseUrl, apiKey), close: nothing }
    return { ask: await asking(await compatible(id, vendor, baseUrl, fetch, apiKey)), close: nothing }
  }
  if (!apiKey)
    throw usageError(`--model ${name} needs the environment variable ${keyName}. To try without a key: --model lab:`)
  if (request) return { ask: await sending(baseUrl ?? openaiUrl, apiKey), close: nothing }
  const settings = { apiKey, fetch, ...(baseUrl && { baseURL: baseUrl }) }
  return { ask: await asking(await official(id, vendor, settings)), close: nothing }
}

const openaiUrl = "https://api.openai.com/v1"

/** Messages name no password. */
function checkAddress(baseUrl: string): void {
  const url = URL.parse(baseUrl)
  if (url && (url.username !== "" || url.password !== "")) {
    throw usageError(
      `--base-url: a user's name or password in an address is seen by everybody on this machine, and by logs. Leave it out, and put a key into ${keyNames["openai-compatible"]}.`,
    )
  }
  if (url && /^https?:$/.test(url.protocol)) return
  throw usageError(`--base-url ${baseUrl.replace(/\S*@/, "…@")}: wanted an address such as http://127.0.0.1:11434/v1.`)
}

interface Settings {
  readonly apiKey: string
  readonly fetch: typeof globalThis.fetch
  readonly baseURL?: string
}

async function official(id: string, vendor: string, settings: Settings): Promise<LanguageModelV4> {
  if (vendor === "anthropic") return (await import("@ai-sdk/anthropic")).createAnthropic(settings)(id)
  if (vendor === "google") return (await import("@ai-sdk/google")).createGoogle(settings)(id)
  return (await import("@ai-sdk/openai")).createOpenAI(settings)(id)
}

async function compatible(
  id: string,
  name: string,
  baseURL: string,
  fetch: typeof globalThis.fetch,
  apiKey?: string,
): Promise<LanguageModelV4> {
  const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible")
  const key = apiKey === undefined ? {} : { apiKey }
  return createOpenAICompatible({ name, baseURL, fetch, supportsStructuredOutputs: true, ...key })(id)
}
