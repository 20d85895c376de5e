import { z } from "zod"
import { usageError } from "../usage-error.ts"
import type { InputRecord } from "./prompt-template.ts"

/** A line of an OpenAI batch file, which is a request of its own. */
export interface BatchLine {
  readonly custom_id: string
  /** Below `/v1`. */
  readonly endpoint: (typeof endpoints)[number]
  readonly body: InputRecord & { readonly model: string }
}

const endpoints = ["chat/completions", "responses", "embeddings", "completions", "moderations"] as const

const batchLine: z.ZodType<BatchLine, unknown> = z
  .object({
    custom_id: z.string().min(1),
    method: z.literal("POST"),
    url: z.enum(endpoints.map((name) => `/v1/${name}` as const)),
    body: z.looseObject({
      model: z.string().min(1),
      stream: z.literal(false, { error: "answers of a batch file do not stream" }).nullish(),
    }),
  })
  .transform(({ custom_id, url, body }) => ({ custom_id, endpoint: url.slice(4) as BatchLine["endpoint"], body }))

/** Whether an input is a line of an OpenAI batch file, well-formed or not. */
export function isBatchLine(record: InputRecord): boolean {
  return ["custom_id", "method", "url", "body"].every((name) => Object.hasOwn(record, name))
}

/** Throws what is wrong about the line. The body is the line's own, with the digits of its numbers. */
export function batchLineOf(record: InputRecord, where: string): BatchLine {
  const parsed = batchLine.safeParse(record)
  if (parsed.success) return { ...parsed.data, body: record["body"] as BatchLine["body"] }
  const [issue] = parsed.error.issues
  const { url, body } = record as { readonly url?: unknown; readonly body?: InputRecord }
  // Optional at OpenAI; here quotas, prices and plans are each of a model.
  const hint =
    url === "/v1/moderations" && issue?.path.join(".") === "body.model" && body?.["model"] === undefined
      ? ' Moderations need a model here, as their quota goes by it: write what OpenAI takes without one, "model": "omni-moderation-latest".'
      : ""
  throw usageError(
    `${where}: not a line of an OpenAI batch file ({"custom_id", "method", "url", "body"}): ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}.${hint}`,
  )
}
