import type { z } from "zod"
import { BadRequest } from "./model-call.ts"

/** Deeper than anybody means it; what walks over a body may recurse. */
export const MAX_DEPTH = 256

/** Whether a parsed value holds objects or arrays more than `most` deep. */
export function isDeeper(value: unknown, most: number): boolean {
  if (typeof value !== "object" || value === null) return false
  return most === 0 || Object.values(value).some((part) => isDeeper(part, most - 1))
}

/** The JSON object in a body, or a 400 that says why not. */
export function parseJson(body: unknown): Record<string, unknown> {
  const text = Buffer.isBuffer(body) ? body.toString("utf8") : ""
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new BadRequest(
      "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly.)",
    )
  }
  if (isDeeper(value, MAX_DEPTH))
    throw new BadRequest(`The body of your request is nested more than ${MAX_DEPTH} deep.`)
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new BadRequest("The body of your request must be a JSON object.")
  }
  return value as Record<string, unknown>
}

/** The body as the schema describes it; a 400 that names the first field at fault otherwise. */
export function parseFields<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const param = issue?.path.join(".") ?? ""
  throw new BadRequest(`${param === "" ? "body" : param}: ${issue?.message ?? "invalid"}`, param === "" ? null : param)
}
