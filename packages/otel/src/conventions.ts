import type { Attributes } from "@opentelemetry/api"
import type { CallFacts } from "@sluice/core"
import { hideKeyShapes } from "@sluice/core/internal"

/** What the conventions call that which has no name of its own. */
export const otherName = "_OTHER"

/**
 * Names and values of OpenTelemetry's semantic conventions for generative AI, all in development.
 *
 * Source: open-telemetry/semantic-conventions v1.41.0, which backends read; for the older form v1.36.0; for the latest
 * open-telemetry/semantic-conventions-genai v0.1.0, where they are kept since. Read 2026-11.
 */
export interface Conventions {
  /** Whether what has another name in v1.36.0 is told under that too. */
  readonly withOlder: boolean
  /** Whether what has another name in v0.1.0 is told under that alone. */
  readonly isLatest: boolean
}

/**
 * What `OTEL_SEMCONV_STABILITY_OPT_IN` asks for. `gen_ai_latest_experimental` is the conventions' own word; `gen_ai/dup` asks for older
 * names too, as `http/dup` and `database/dup` do for theirs.
 */
export function conventionsOf(optIn: string | undefined): Conventions {
  const asked = new Set((optIn ?? "").split(",").map((each) => each.trim()))
  return { withOlder: asked.has("gen_ai/dup"), isLatest: asked.has("gen_ai_latest_experimental") }
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

// As long as the longest codes of vendors, and too short for a sentence.
const identifier = /^[\w.-]{1,60}$/

/**
 * An error by its code or name, where that is an identifier: anything may be thrown. Never its message, nor a text that was thrown,
 * which may quote a prompt or a key. Else the conventions' own word for what has no name.
 */
export function errorType(error: unknown): string {
  const isIdentifier = (text: unknown): text is string =>
    typeof text === "string" && identifier.test(text) && hideKeyShapes(text) === text
  try {
    if (isIdentifier(error)) return error
    const { code, name } = error as { readonly code?: unknown; readonly name?: unknown }
    return [code, name].find(isIdentifier) ?? otherName
  } catch {
    // Neither null nor what throws as it is read has a name.
    return otherName
  }
}
