import { readFileSync } from "node:fs"
import type { ErrorObject, Options, ValidateFunction } from "ajv"
import { usageError } from "../usage-error.ts"

type JsonSchema = Readonly<Record<string, unknown>>

/** What answers have to be, and how an answer is held against it. */
export interface AnswerSchema {
  readonly schema: JsonSchema
  /** As it was called in OpenAI's `{ name, strict, schema }`. */
  readonly name: string | undefined
  readonly strict: boolean | undefined
  /** What is wrong about a value, in words that a model can mend it by; `undefined` when nothing is. */
  readonly problemOf: (value: unknown) => string | undefined
}

const shownProblems = 10

/** Reads the file of `--schema` (JSON Schema 2020-12, 2019-09, draft-07 or draft-06) and checks the schema itself. */
export async function readAnswerSchema(file: string): Promise<AnswerSchema> {
  const { schema, name, strict } = unwrapped(objectIn(file))
  const validate = await compiled(schema, file)
  return {
    schema,
    name,
    strict,
    problemOf: (value) => (validate(value) ? undefined : problemsIn(validate.errors ?? [])),
  }
}

function objectIn(file: string): JsonSchema {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, "utf8").replace(/^\uFEFF/, ""))
  } catch (error) {
    const { message } = error as Error
    const problem = error instanceof SyntaxError ? `not JSON (${message})` : `cannot be read (${message})`
    throw usageError(`--schema ${file}: ${problem}.`)
  }
  if (isObject(value)) return value
  throw usageError(`--schema ${file}: wanted a JSON schema, an object.`)
}

/** As OpenAI's API and its examples have it: `{ name, strict, schema }`, alone or in a `response_format`. */
function unwrapped(given: JsonSchema): Omit<AnswerSchema, "problemOf"> {
  const { json_schema: inFormat } = given
  const wrapper = given["type"] === "json_schema" ? (isObject(inFormat) ? inFormat : given) : given
  const { schema, name, strict } = wrapper
  if (!isObject(schema) || typeof name !== "string") return { schema: given, name: undefined, strict: undefined }
  return { schema, name, strict: typeof strict === "boolean" ? strict : undefined }
}

/** `$schema` says which draft; where it says nothing, whatever of 2020-12 and draft-07 the schema is valid in. */
async function compiled(schema: JsonSchema, file: string): Promise<ValidateFunction> {
  const { $schema: draft, ...rest } = schema
  const named =
    draft === undefined ? ["2020-12", "draft-07"] : [/2020-12|2019-09|draft-0[67]/.exec(JSON.stringify(draft))?.[0]]
  let problem: string | undefined
  for (const name of named) {
    const compile = compilers.get(name ?? "")
    if (!compile) {
      throw usageError(`--schema ${file}: "$schema" is ${JSON.stringify(draft)}; wanted 2020-12, 2019-09 or draft-07.`)
    }
    try {
      return await compile(rest)
    } catch (error) {
      problem ??= (error as Error).message
    }
  }
  throw usageError(`--schema ${file}: not a JSON schema: ${problem?.replace("schema is invalid: ", "") ?? ""}.`)
}

// Words that are not of the standard are notes, as the standard wants it.
const options: Options = { strict: false, allErrors: true, logger: false, verbose: true }

const compilers = new Map<string, (schema: JsonSchema) => Promise<ValidateFunction>>([
  ["2020-12", async (schema) => withFormats(new (await import("ajv/dist/2020.js")).Ajv2020(options), schema)],
  ["2019-09", async (schema) => withFormats(new (await import("ajv/dist/2019.js")).Ajv2019(options), schema)],
  ["draft-07", async (schema) => withFormats(new (await import("ajv")).Ajv(options), schema)],
  ["draft-06", async (schema) => withFormats(new (await import("ajv")).Ajv(options), schema)],
])

async function withFormats(ajv: import("ajv").Ajv, schema: JsonSchema): Promise<ValidateFunction> {
  const { default: formats } = await import("ajv-formats")
  formats.default(ajv)
  return ajv.compile(schema)
}

function problemsIn(errors: readonly ErrorObject[]): string {
  const problems = errors.slice(0, shownProblems).map(({ instancePath, message = "", params }) => {
    const { allowedValues, additionalProperty } = params as { allowedValues?: unknown; additionalProperty?: string }
    const detail = allowedValues ?? additionalProperty
    return `${instancePath || "the answer"} ${message}${detail === undefined ? "" : ` (${JSON.stringify(detail)})`}`
  })
  if (errors.length > shownProblems) problems.push(`and ${errors.length - shownProblems} more`)
  return problems.join("; ")
}

function isObject(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
