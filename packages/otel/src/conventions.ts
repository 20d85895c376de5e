import type { Attributes } from "@opentelemetry/api"
import type { CallFacts } from "@sluice/core"

/**
 * Names and values of OpenTelemetry's semantic conventions for generative AI.
 *
 * Source: open-telemetry/semantic-conventions-genai, spans and metrics (status: development), read 2026-11; for the older form
 * open-telemetry/semantic-conventions v1.36.0.
 */
export interface Conventions {
  /** Whether what has another name in v1.36.0 is told under that too. */
  readonly withOlder: boolean
}

/** `gen_ai/dup` in `OTEL_SEMCONV_STABILITY_OPT_IN` asks for both, as `http/dup` and `database/dup` do for theirs. */
export function conventionsOf(optIn: string | undefined): Conventions {
  return { withOlder: (optIn ?? "").split(",").some((each) => each.trim() === "gen_ai/dup") }
}

/** Ours, where the conventions have another name. */
const providers: Readonly<Record<string, string>> = {
  azure: "azure.ai.openai",
  bedrock: "aws.bedrock",
  gemini: "gcp.gemini",
  mistral: "mistral_ai",
}
/** Vendors that are known by their host alone. */
const hosts: readonly (readonly [suffix: string, provider: string])[] = [
  ["aiplatform.googleapis.com", "gcp.vertex_ai"],
  ["deepseek.com", "deepseek"],
  ["x.ai", "x_ai"],
  ["perplexity.ai", "perplexity"],
  ["moonshot.ai", "moonshot_ai"],
]
/** Those with another name in `gen_ai.system`. */
const olderSystems: Readonly<Record<string, string>> = { "azure.ai.openai": "az.ai.openai", x_ai: "xai" }

export function providerOf({ vendor, host = "" }: Pick<CallFacts, "vendor" | "host">): string {
  const known = hosts.find(([suffix]) => host === suffix || host.endsWith(`.${suffix}`) || host.endsWith(`-${suffix}`))
  return known?.[1] ?? providers[vendor] ?? vendor
}

export function operationOf(endpoint: string): string {
  if (/embed/i.test(endpoint)) return "embeddings"
  if (/generateContent/i.test(endpoint)) return "generate_content"
  if (/chat|messages|responses|converse|language-model/i.test(endpoint)) return "chat"
  return /completions|generate$|complete$|invoke/i.test(endpoint) ? "text_completion" : endpoint
}

/** What is known of a call as it begins, for spans and metrics alike. */
export function callAttributes(call: CallFacts, { withOlder }: Conventions): Attributes {
  const provider = providerOf(call)
  return {
    "gen_ai.operation.name": operationOf(call.endpoint),
    "gen_ai.provider.name": provider,
    "gen_ai.request.model": call.model,
    ...(call.host !== undefined && { "server.address": call.host, "server.port": call.port }),
    ...(withOlder && { "gen_ai.system": olderSystems[provider] ?? provider }),
  }
}

/** An error by its code or name. Never its message, which may quote a prompt or a key. */
export function errorType(error: unknown): string {
  if (typeof error === "string") return error
  if (typeof error !== "object" || error === null) return "error"
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown }
  if (typeof code === "string") return code
  return typeof name === "string" ? name : "error"
}
