import type { StandardSchema } from "@sluice/core"
import { invalidOption } from "@sluice/core/internal"

/** The part of Standard JSON Schema (standardschema.dev) that is used. */
interface WithJsonSchema {
  readonly jsonSchema?: { input(options: { readonly target: "draft-07" }): unknown }
}

/** The JSON Schema of what `schema` takes, with objects that take nothing else: OpenAI refuses the others. */
export function closedJsonSchema(schema: StandardSchema<unknown>): unknown {
  const standard = (schema as Partial<StandardSchema<unknown>> | undefined)?.["~standard"] as WithJsonSchema | undefined
  if (!standard?.jsonSchema)
    throw invalidOption("ask", "schema", "a Standard Schema with a JSON Schema, as zod makes it from 4.2 on", schema)
  return closed(standard.jsonSchema.input({ target: "draft-07" }))
}

/** Also inside of values that only look like schemas, such as `default`: they hold no `type: "object"` beside `properties`. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(closed)
  if (typeof node !== "object" || node === null) return node
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, closed(value)]))
  const isOpen = copy["type"] === "object" && "properties" in copy && !("additionalProperties" in copy)
  return isOpen ? { ...copy, additionalProperties: false } : copy
}
