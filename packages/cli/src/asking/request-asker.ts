import { APICallError } from "@ai-sdk/provider"
import { parseExactJson, redactSecrets } from "@sluice/journal"
import type { BatchLine } from "../question/batch-line.ts"
import type { Question } from "../question/compile-question.ts"
import { AnswerFailure, type FinishReason, type ModelAnswer, type RawAnswer } from "./answer.ts"
import type { Asker } from "./create-asker.ts"

export interface RequestAskerOptions {
  /** Admits and retries every call. */
  readonly fetch: typeof globalThis.fetch
  /** What `/v1` is. */
  readonly baseUrl: string
  readonly apiKey: string | undefined
  readonly request: NonNullable<Question["request"]>
}

/** Sends the request that each input is, as it stands. Whatever is answered with a status of 200 is a result. */
export function createRequestAsker({ fetch, baseUrl, apiKey, request }: RequestAskerOptions): Asker {
  const headers = {
    "content-type": "application/json",
    ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
  }
  const secrets = apiKey === undefined ? [] : [apiKey]
  return async ({ record, where, signal }) => {
    const { endpoint, body } = request(record, where)
    const url = `${baseUrl.replace(/\/+$/, "")}/${endpoint}`
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body), signal })
    const text = await response.text()
    const raw = rawOf(response, text)
    if (!response.ok) {
      const message = messageIn(raw.body) ?? (response.statusText || redactSecrets(text, secrets).slice(0, 200))
      throw Object.assign(
        new APICallError({
          message,
          url,
          requestBodyValues: {},
          statusCode: response.status,
          responseHeaders: Object.fromEntries(response.headers),
          responseBody: text,
        }),
        { raw },
      )
    }
    if (typeof raw.body !== "object" || raw.body === null)
      throw new AnswerFailure("answer-invalid", "the answer is not JSON.", { text })
    return { ...factsOf(endpoint, raw.body), requestId: raw.request_id, raw }
  }
}

function rawOf({ status, headers }: Response, text: string): RawAnswer {
  const requestId = headers.get("x-request-id") ?? headers.get("request-id") ?? ""
  return { status_code: status, request_id: requestId, body: jsonOrText(text) }
}

function jsonOrText(text: string): unknown {
  try {
    return parseExactJson(text)
  } catch {
    return text
  }
}

function messageIn(body: unknown): string | undefined {
  const { error } = (body ?? {}) as { error?: { message?: unknown } | string }
  const message = typeof error === "string" ? error : error?.message
  return typeof message === "string" ? message : undefined
}

/** As much of an answer as is read. */
interface AnswerBody {
  readonly model?: string
  readonly choices?: readonly {
    readonly finish_reason?: string
    readonly text?: string
    readonly message?: { readonly content?: string | null }
  }[]
  readonly output?: readonly { readonly content?: readonly { readonly text?: string }[] }[]
  readonly incomplete_details?: { readonly reason?: string } | null
  readonly data?: readonly { readonly embedding?: unknown }[]
  readonly results?: unknown
}

/** The answer itself: a text; of an embedding its numbers, of many a list of them. */
function factsOf(
  endpoint: BatchLine["endpoint"],
  body: AnswerBody,
): Pick<ModelAnswer, "output" | "finishReason" | "model"> {
  const model = typeof body.model === "string" ? { model: body.model } : {}
  const [choice] = body.choices ?? []
  if (endpoint === "embeddings") {
    const vectors = (body.data ?? []).map(({ embedding }) => embedding)
    return { output: vectors.length === 1 ? vectors[0] : vectors, finishReason: "stop", ...model }
  }
  if (endpoint === "moderations") return { output: body.results, finishReason: "stop", ...model }
  if (endpoint === "responses") {
    const texts = (body.output ?? []).flatMap(({ content }) => content ?? []).map(({ text = "" }) => text)
    const reason = body.incomplete_details?.reason
    return { output: texts.join(""), finishReason: reason === undefined ? "stop" : finishOf(reason), ...model }
  }
  const output = choice?.message?.content ?? choice?.text ?? ""
  return { output, finishReason: finishOf(choice?.finish_reason), ...model }
}

function finishOf(reason: string | undefined): FinishReason {
  if (reason === "stop" || reason === "length" || reason === "content_filter") return reason
  return reason === "max_output_tokens" ? "length" : "other"
}
