/** The part of JSON Schema that vendors accept for structured output, plus Gemini's dialect (`nullable`, upper-case types). */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown }

/** Values nest no deeper than this once only optional parts remain. */
const MAX_DEPTH = 24
/** What one answer may hold: a schema that asks for more is refused, as vendors do. */
const MAX_VALUES = 10_000
const MAX_CHARACTERS = 1_000_000
/** References and parts that one place may lead through. */
const MAX_HOPS = 1_000

/**
 * A value that conforms to a JSON schema, with the text in its strings: what a vendor's structured output
 * would be if the model had nothing else to say. Knows types, objects, arrays, enums, `const`, `anyOf` / `oneOf` / `allOf`,
 * `$ref`, lengths, bounds, `multipleOf` and the common formats. `pattern` and `uniqueItems` of more than one item are not generated.
 * Optional properties are filled too, except where a schema contains itself. Deterministic.
 * Throws a TypeError for a schema that is none, or that only more than 10,000 values or a million characters could fulfil.
 *
 * @example
 * ```ts
 * conformToSchema({ type: "object", properties: { summary: { type: "string" }, score: { type: "integer", minimum: 1 } } }, "Short.")
 * // => { summary: "Short.", score: 1 }
 * ```
 */
export function conformToSchema(schema: JsonSchema, text: string): unknown {
  return valueFor(schema, {
    root: schema,
    text,
    depth: 0,
    open: [],
    left: { values: MAX_VALUES, characters: MAX_CHARACTERS },
  })
}

interface Walk {
  readonly root: JsonSchema
  readonly text: string
  readonly depth: number
  /** References being resolved: a second visit means that the schema contains itself. */
  readonly open: readonly string[]
  /** Of the whole answer. */
  readonly left: { values: number; characters: number }
}

function valueFor(given: JsonSchema, walk: Walk): unknown {
  if (--walk.left.values < 0) throw new TypeError(`schema: it takes more than ${MAX_VALUES} values to fulfil it`)
  if (!isObject(given) || walk.depth > MAX_DEPTH) return null
  const schema = resolve(given, walk.root, { left: MAX_HOPS })
  const deeper: Walk = {
    ...walk,
    depth: walk.depth + 1,
    open: typeof given["$ref"] === "string" ? [...walk.open, given["$ref"]] : walk.open,
  }
  if ("const" in schema) return stated(schema["const"], walk)
  if (Array.isArray(schema["enum"])) return stated(schema["enum"][0], walk)
  if ("default" in schema && schema["default"] !== null && walk.depth > 0) return stated(schema["default"], walk)
  for (const keyword of ["anyOf", "oneOf"]) {
    const options = schema[keyword]
    if (!Array.isArray(options)) continue
    const { [keyword]: _, ...rest } = schema
    return valueFor(merge(rest, pickOption(options as JsonSchema[], walk)), deeper)
  }
  switch (typeOf(schema)) {
    case "object":
      return objectFor(schema, deeper)
    case "array":
      return arrayFor(schema, deeper)
    case "string":
      return stringFor(schema, walk)
    case "integer":
      return numberFor(schema, 1)
    case "number":
      return numberFor(schema, 0)
    case "boolean":
      return true
    case "null":
      return null
    default:
      return walk.text
  }
}

function objectFor(schema: Record<string, unknown>, walk: Walk): Record<string, unknown> {
  const properties = namedParts(schema["properties"]) ?? {}
  const required = new Set(list(schema["required"]) as readonly string[])
  const entries = Object.entries(properties).filter(
    ([name, property]) => required.has(name) || !leadsBack(property, walk),
  )
  for (const [name] of entries) charge(walk.left, name.length)
  const filled = entries.map(([name, property]) => [name, valueFor(property, walk)] as const)
  const extra =
    typeof schema["additionalProperties"] === "object" ? (schema["additionalProperties"] as JsonSchema) : true
  const missing = [...required]
    .filter((name) => !(name in properties))
    .map((name) => [name, valueFor(extra === true ? { type: "string" } : extra, walk)] as const)
  return Object.fromEntries([...filled, ...missing])
}

function arrayFor(schema: Record<string, unknown>, walk: Walk): unknown[] {
  const first = list(schema["prefixItems"]) as readonly JsonSchema[]
  const items = schema["items"] as JsonSchema | undefined
  const least = Number(schema["minItems"] ?? 0)
  const most = Number(schema["maxItems"] ?? Infinity)
  const wanted = Math.min(
    walk.left.values + 1,
    most,
    Math.max(least, first.length, items === undefined || leadsBack(items, walk) ? 0 : 1),
  )
  return Array.from({ length: wanted }, (_, index) => valueFor(first[index] ?? items ?? { type: "string" }, walk))
}

const FORMATS: Readonly<Record<string, string>> = {
  "date-time": "2026-01-01T00:00:00Z",
  date: "2026-01-01",
  time: "00:00:00",
  duration: "PT1S",
  email: "someone@example.com",
  hostname: "example.com",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  uri: "https://example.com/",
  uuid: "00000000-0000-4000-8000-000000000000",
}

function stringFor(schema: Record<string, unknown>, { text, left }: Walk): string {
  const format = FORMATS[String(schema["format"])]
  if (format !== undefined) return format
  const least = Number(schema["minLength"] ?? 0)
  const most = Number(schema["maxLength"] ?? Infinity)
  charge(left, Math.min(most, Math.max(least, text.length)))
  return text.length < least ? text.padEnd(least, ".") : text.slice(0, most)
}

function charge(left: Walk["left"], characters: number): void {
  left.characters -= characters
  if (left.characters < 0) throw new TypeError(`schema: it takes more than ${MAX_CHARACTERS} characters to fulfil it`)
}

/** A value that the schema itself holds. */
function stated(value: unknown, { left }: Walk): unknown {
  charge(left, JSON.stringify(value)?.length ?? 0)
  return value
}

function numberFor(schema: Record<string, unknown>, integerStep: 0 | 1): number {
  const step = Number(schema["multipleOf"] ?? integerStep)
  const above = schema["exclusiveMinimum"]
  const below = schema["exclusiveMaximum"]
  const least = Math.max(Number(schema["minimum"] ?? -Infinity), typeof above === "number" ? above : -Infinity)
  const most = Math.min(Number(schema["maximum"] ?? Infinity), typeof below === "number" ? below : Infinity)
  const fits = (value: number): boolean => value >= least && value <= most && value !== above && value !== below
  const up = step > 0 ? Math.ceil(least / step) * step : least
  const down = step > 0 ? Math.floor(most / step) * step : most
  const candidates = [0, 1, up, up + step, down, down - step, (least + most) / 2]
  return (
    candidates.find((value) => Number.isFinite(value) && fits(value)) ?? (Number.isFinite(least) ? least + 1 : most - 1)
  )
}

/** `null` is the way out of a schema that contains itself; otherwise the first option that says something. */
function pickOption(options: readonly JsonSchema[], walk: Walk): JsonSchema {
  const ways = options.filter((option) => !leadsBack(option, walk))
  const isNull = (option: JsonSchema): boolean => typeof option === "object" && option["type"] === "null"
  return ways.find((option) => !isNull(option)) ?? ways[0] ?? options[0] ?? {}
}

function leadsBack(schema: JsonSchema, walk: Walk): boolean {
  if (typeof schema !== "object") return false
  if (typeof schema["$ref"] === "string")
    return walk.open.includes(schema["$ref"]) || (schema["$ref"] === "#" && walk.depth > 1)
  const parts = [schema["items"], ...list(schema["allOf"])] as JsonSchema[]
  return parts.some((part) => part !== undefined && leadsBack(part, walk))
}

/** `$ref` followed and `allOf` merged, so that the rest sees one plain schema. */
function resolve(
  schema: { readonly [keyword: string]: unknown },
  root: JsonSchema,
  hops: { left: number },
): Record<string, unknown> {
  let plain: Record<string, unknown> = { ...schema }
  while (typeof plain["$ref"] === "string") {
    if (--hops.left < 0) throw new TypeError("schema: its references lead nowhere")
    const { $ref, ...beside } = plain
    plain = merge(beside, lookUp($ref, root))
  }
  const { allOf, ...rest } = plain
  if (!Array.isArray(allOf)) return plain
  return (allOf as JsonSchema[]).reduce<Record<string, unknown>>((whole, part) => {
    if (--hops.left < 0) throw new TypeError("schema: it has too many parts")
    return merge(whole, typeof part === "object" ? resolve(part, root, hops) : {})
  }, rest)
}

function lookUp(reference: string, root: JsonSchema): JsonSchema {
  const path = reference.replace(/^#\/?/, "").split("/").filter(Boolean)
  const target = path.reduce<unknown>(
    (at, part) =>
      (at as Record<string, unknown> | undefined)?.[
        decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~")
      ],
    root,
  )
  return (target ?? {}) as JsonSchema
}

function merge(a: Record<string, unknown>, b: JsonSchema): Record<string, unknown> {
  if (!isObject(b)) return a
  const [properties, others] = [namedParts(a["properties"]), namedParts(b["properties"])]
  const [required, more] = [list(a["required"]), list(b["required"])]
  return {
    ...a,
    ...b,
    ...(properties && others ? { properties: { ...properties, ...others } } : {}),
    ...(required.length > 0 && more.length > 0 ? { required: [...required, ...more] } : {}),
  }
}

// What stands in the place of a list or of parts by name may be a text, which would be taken apart into its letters.
function list(value: unknown): readonly unknown[] {
  if (value !== undefined && !Array.isArray(value)) throw new TypeError("schema: wanted a list where there is none")
  return value ?? []
}

function namedParts(value: unknown): Readonly<Record<string, JsonSchema>> | undefined {
  if (value !== undefined && !isObject(value)) throw new TypeError("schema: wanted properties where there are none")
  return value as Record<string, JsonSchema> | undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function typeOf(schema: Record<string, unknown>): string {
  const named = schema["type"]
  const types = (Array.isArray(named) ? named : [named])
    .filter((type) => typeof type === "string")
    .map((type) => type.toLowerCase())
  const type = types.find((name) => name !== "null") ?? types[0]
  if (type !== undefined) return type
  if (schema["properties"] !== undefined || schema["required"] !== undefined) return "object"
  if (schema["items"] !== undefined || schema["prefixItems"] !== undefined) return "array"
  if (["minimum", "maximum", "multipleOf"].some((keyword) => keyword in schema)) return "number"
  return "unknown"
}
