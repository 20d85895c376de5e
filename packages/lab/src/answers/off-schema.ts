import type { JsonSchema } from "./conform-to-schema.ts"

/**
 * What models say in place of an answer that fits: by `luck`, in [0, 1), prose around nothing, a value of another type, or the
 * object without the first thing it must have.
 */
export function offSchema(schema: JsonSchema, conforming: string, luck: number): string {
  if (luck < 1 / 3) return `I am sorry, I can only say this much: ${conforming.slice(0, 40)}`
  const value = JSON.parse(conforming) as unknown
  const first =
    typeof schema === "object" && Array.isArray(schema["required"]) ? String(schema["required"][0]) : undefined
  if (luck < 2 / 3 && first !== undefined && typeof value === "object" && value !== null) {
    return JSON.stringify(Object.fromEntries(Object.entries(value).filter(([name]) => name !== first)))
  }
  return typeof value === "number" ? JSON.stringify("a number") : "42"
}
