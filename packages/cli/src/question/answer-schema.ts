import type { Clock } from "@sluice/core"
import type { ErrorObject, Options, ValidateFunction } from "ajv"
import { smallJson } from "../files/small-json.ts"
import { usageError } from "../usage-error.ts"
import { inTime, mostMs } from "../checks/in-time.ts"

type JsonSchemaObject = Readonly<Record<string, unknown>>

/** What answers have to be, and how an answer is held against it. */
export interface AnswerSchema {
  readonly schema: JsonSchemaObject
  /** As it was called in OpenAI's `{ name, strict, schema }`. */
  readonly name: string | undefined
  readonly strict: boolean | undefined
  /** What is wrong about a value, in words that a model can mend it by; `undefined` when nothing is. */
  readonly problemOf: (value: unknown) => string | undefined
}

const shownProblems = 10

/** Reads the file of `--schema` (JSON Schema 2020-12, 2019-09, draft-07 or draft-06) and checks the schema itself. */
export async function readAnswerSchema(file: string, clock: Clock): Promise<AnswerSchema> {
  return compileAnswerSchema(unwrapped(await objectIn(file, clock)), file)
}

export async function compileAnswerSchema(
  { schema, name, strict }: Omit<AnswerSchema, "problemOf">,
  file: string,
): Promise<AnswerSchema> {
  const validate = await compiled(schema, file)
  refuseEndless(validate, file)
  // Some patterns take for ever on some texts, and an answer is anybody's text.
  const fits = /"pattern(Properties)?"\s*:/.test(JSON.stringify(schema))
    ? inTime((value: unknown) => validate(value))
    : validate
  const problemOf = (value: unknown): string | undefined => {
    const isFit = fits(value)
    if (isFit === undefined) return `a pattern of the schema did not come to an end in ${mostMs / 1_000} s on this text`
    return isFit ? undefined : problemsIn(validate.errors ?? [])
  }
  return { schema, name, strict, problemOf }
}

/** A schema that is only ever itself says nothing of any value: told before the first call is paid for. */
function refuseEndless(validate: ValidateFunction, file: string): void {
  try {
    for (const sample of [{}, [], "", 0, null]) validate(sample)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw usageError(`--schema ${file}: it refers to itself without end ("$ref"), so no answer can be held against it.`)
  }
}

async function objectIn(file: string, clock: Clock): Promise<JsonSchemaObject> {
  const value = await smallJson(file, { what: `--schema ${file}`, clock })
  if (isObject(value)) return value
  throw usageError(`--schema ${file}: wanted a JSON schema, an object.`)
}

/** As OpenAI's API and its examples have it: `{ name, strict, schema }`, alone or in a `response_format`. */
function unwrapped(given: JsonSchemaObject): Omit<AnswerSchema, "problemOf"> {
  const { json_schema: inFormat } = given
  const wrapper = given["type"] === "json_schema" ? (isObject(inFormat) ? inFormat : given) : given
  const { schema, name, strict } = wrapper
  if (!isObject(schema) || typeof name !== "string") return { schema: given, name: undefined, strict: undefined }
  return { schema, name, strict: typeof strict === "boolean" ? strict : undefined }
}

/** `$schema` says which draft; where it says nothing, whatever of 2020-12 and draft-07 the schema is valid in. */
async function compiled(schema: JsonSchemaObject, file: string): Promise<ValidateFunction> {
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
  throw usageError(`--schema ${file}: not a JSON schema: ${problem ?? ""}.`)
}

// Words that are not of the standard are notes, as the standard wants it.
const options: Options = { strict: false, allErrors: true, logger: false, verbose: true }

const compilers = new Map<string, (schema: JsonSchemaObject) => Promise<ValidateFunction>>([
  ["2020-12", async (schema) => withFormats(new (await import("ajv/dist/2020.js")).Ajv2020(options), schema)],
  ["2019-09", async (schema) => withFormats(new (await import("ajv/dist/2019.js")).Ajv2019(options), schema)],
  ["draft-07", async (schema) => withFormats(new (await import("ajv")).Ajv(options), schema)],
  ["draft-06", async (schema) => withFormats(new (await import("ajv")).Ajv(options), schema)],
])

async function withFormats(ajv: import("ajv").Ajv, schema: JsonSchemaObject): Promise<ValidateFunction> {
  const { default: formats } = await import("ajv-formats")
  formats.default(ajv)
  if (!ajv.validateSchema(schema)) throw new Error(faultsIn(ajv.errors ?? []))
  return ajv.compile(schema)
}

/** What is wrong about a schema, each place once: `/type is "objct", wanted one of "array", "boolean", …`. */
function faultsIn(errors: readonly ErrorObject[]): string {
  const places = new Map<string, string>()
  for (const { instancePath, keyword, message = "", params, data } of errors) {
    const { allowedValues } = params as { allowedValues?: readonly unknown[] }
    const wanted = allowedValues?.map((value) => JSON.stringify(value)).join(", ")
    // That a place fits none of several is told by what is wrong with each.
    if (keyword === "anyOf" || places.has(instancePath)) continue
    const found = JSON.stringify(data)
    const what = found.length > 60 ? "" : ` is ${found},`
    const problem = wanted === undefined ? message.replace("must be", "wanted") : `wanted one of ${wanted}`
    places.set(instancePath, `${instancePath || "the schema"}${what} ${problem}`)
  }
  return [...places.values()].slice(0, shownProblems).join("; ")
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

function isObject(value: unknown): value is JsonSchemaObject {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
