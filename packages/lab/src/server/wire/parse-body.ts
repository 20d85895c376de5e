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
  const result = checkFields(schema, body)
  if ("data" in result) return result.data
  const param = result.path.join(".")
  throw new BadRequest(`${param === "" ? "body" : param}: ${result.message}`, param === "" ? null : param)
}

/**
 * The value as the schema describes it, or its first fault. Zod measures the `length` of whatever has one, also of what is no list, and
 * throws where that is no number: that is a fault of the value too.
 */
export function checkFields<T>(
  schema: z.ZodType<T>,
  value: unknown,
): { data: T } | { path: readonly PropertyKey[]; message: string } {
  try {
    const result = schema.safeParse(value)
    if (result.success) return result
    const [issue] = result.error.issues
    return { path: issue?.path ?? [], message: issue?.message ?? "invalid" }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return { path: [], message: `Invalid input: a "length" that is no length (${error.message})` }
  }
}
