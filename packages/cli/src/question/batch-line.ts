import { z } from "zod"
import { usageError } from "../usage-error.ts"
import type { InputRecord } from "./prompt-template.ts"

/** A line of an OpenAI batch file, which is a request of its own. */
export interface BatchLine {
  readonly custom_id: string
  /** Below `/v1`. */
  readonly endpoint: (typeof endpoints)[number]
  readonly body: InputRecord
  /** The body's, or what OpenAI takes without one. */
  readonly model: string
}

/** As OpenAI's reference says, read 2026-11: of all endpoints of a batch only moderations do without. */
const moderationModel = "omni-moderation-latest"

const endpoints = ["chat/completions", "responses", "embeddings", "completions", "moderations"] as const

const batchLine: z.ZodType<BatchLine, unknown> = z
  .object({
    custom_id: z.string().min(1),
    method: z.literal("POST"),
    url: z.enum(endpoints.map((name) => `/v1/${name}` as const)),
    body: z.looseObject({
      model: z.string().min(1).optional(),
      stream: z.literal(false, { error: "answers of a batch file do not stream" }).nullish(),
    }),
  })
  .transform(({ custom_id, url, body }, context) => {
    const endpoint = url.slice(4) as BatchLine["endpoint"]
    const model = body.model ?? (endpoint === "moderations" ? moderationModel : undefined)
    if (model !== undefined) return { custom_id, endpoint, body, model }
    context.addIssue({ code: "custom", path: ["body", "model"], message: "wanted the name of a model, got nothing" })
    return z.NEVER
  })

/** Whether an input is a line of an OpenAI batch file, well-formed or not. */
export function isBatchLine(record: InputRecord): boolean {
  return ["custom_id", "method", "url", "body"].every((name) => Object.hasOwn(record, name))
}

/** Throws what is wrong about the line. The body is the line's own, with the digits of its numbers. */
export function batchLineOf(record: InputRecord, where: string): BatchLine {
  const parsed = batchLine.safeParse(record)
  if (parsed.success) return { ...parsed.data, body: record["body"] as InputRecord }
  const [issue] = parsed.error.issues
  throw usageError(
    `${where}: not a line of an OpenAI batch file ({"custom_id", "method", "url", "body"}): ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}.`,
  )
}
