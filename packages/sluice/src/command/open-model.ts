import { createAnthropic } from "@ai-sdk/anthropic"
import { createGoogle } from "@ai-sdk/google"
import { createOpenAI } from "@ai-sdk/openai"
import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { startVendor } from "@sluice/lab"
import type { LanguageModel } from "ai"
import { type Env, keyNames, parseModelName } from "./model-name.ts"
import { usageError } from "./usage-error.ts"

export interface OpenedModel {
  readonly model: LanguageModel
  close(): Promise<void>
}

/** Makes the AI SDK's model behind `name`, whose calls go through `fetch`. `noop:` has none: it answers by itself. */
export async function openModel(
  name: string,
  options: { readonly env: Env; readonly fetch: typeof globalThis.fetch; readonly baseUrl?: string | undefined },
): Promise<OpenedModel | undefined> {
  const { vendor, id } = parseModelName(name)
  const { env, fetch, baseUrl } = options
  const nothing = async (): Promise<void> => {}
  if (vendor === "noop") return undefined
  if (vendor === "lab") {
    const lab = await startVendor({ latency: { baseMs: 0, perOutputTokenMs: 0 }, answer: "extractive" })
    const provider = createOpenAICompatible({
      name: "lab",
      baseURL: `${lab.url}/v1`,
      fetch,
      supportsStructuredOutputs: true,
    })
    return { model: provider(id), close: () => lab.stop() }
  }
  const keyName = keyNames[vendor] ?? ""
  const apiKey = env[keyName]
  if (vendor === "openai-compatible") {
    if (!baseUrl)
      throw usageError(`--model ${name}: give --base-url, for example --base-url http://127.0.0.1:11434/v1.`)
    const key = apiKey === undefined ? {} : { apiKey }
    const provider = createOpenAICompatible({
      name: vendor,
      baseURL: baseUrl,
      fetch,
      supportsStructuredOutputs: true,
      ...key,
    })
    return { model: provider(id), close: nothing }
  }
  if (!apiKey)
    throw usageError(`--model ${name} needs the environment variable ${keyName}. To try without a key: --model lab:`)
  const settings = { apiKey, fetch, ...(baseUrl && { baseURL: baseUrl }) }
  if (vendor === "anthropic") return { model: createAnthropic(settings)(id), close: nothing }
  if (vendor === "google") return { model: createGoogle(settings)(id), close: nothing }
  return { model: createOpenAI(settings)(id), close: nothing }
}
