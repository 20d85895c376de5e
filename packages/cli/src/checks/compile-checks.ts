import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { jsonInAnswer } from "../asking/json-in-answer.ts"
import { inTime, mostMs } from "./in-time.ts"
import { type CheckKind, parseCheck } from "./parse-check.ts"
import { compileTemplate, fieldOf, type InputRecord, textOf } from "../question/prompt-template.ts"
import { usageError } from "../usage-error.ts"

/** One `--assert`. */
export interface AnswerCheck {
  /** As it was given. */
  readonly name: string
  /** `undefined` where the answer passes; else why it does not, in words that may be empty. */
  readonly problemOf: (output: unknown, input: InputRecord) => string | undefined | Promise<string | undefined>
}

type Compile = (rest: string, name: string) => AnswerCheck["problemOf"]

const passes = undefined
const fails = ""

const kinds: Readonly<Record<CheckKind, Compile>> = {
  contains: (rest, name) => comparing(rest, name, (text, wanted) => text.includes(wanted)),
  "not-contains": (rest, name) => comparing(rest, name, (text, wanted) => !text.includes(wanted)),
  equals: (rest, name) => comparing(rest, name, (text, wanted) => text.trim() === wanted.trim()),
  matches(rest, name) {
    const pattern = regExpOf(rest, name)
    const matches = inTime((text: string) => pattern.test(text))
    return (output) => {
      const isMatch = matches(textOf(output))
      if (isMatch === undefined) return `it did not come to an end in ${mostMs / 1_000} s on this text`
      return isMatch ? passes : fails
    }
  },
  json: compileJson,
}

/** Compiles each `--assert`. Throws what is none, and modules that cannot be loaded. */
export async function compileChecks(texts: readonly string[]): Promise<AnswerCheck[]> {
  return Promise.all(texts.map(async (name) => ({ name, problemOf: await compile(name) })))
}

async function compile(text: string): Promise<AnswerCheck["problemOf"]> {
  const check = parseCheck(text)
  return "kind" in check ? kinds[check.kind](check.rest, `--assert ${text}`) : functionIn(check.file, check.exported)
}

/** `{{field}}` is the input's. */
function comparing(
  rest: string,
  name: string,
  passing: (text: string, wanted: string) => boolean,
): AnswerCheck["problemOf"] {
  const wanted = compileTemplate(rest, {}, name)
  return (output, input) => (passing(textOf(output), wanted(input, name)) ? passes : fails)
}

/** `^yes` or, with flags, `/^yes/i`. */
function regExpOf(text: string, name: string): RegExp {
  const [, source = text, flags = ""] = /^\/(.*)\/([imsu]*)$/s.exec(text) ?? []
  try {
    return new RegExp(source, flags)
  } catch (error) {
    throw usageError(`${name}: ${(error as Error).message}.`)
  }
}

const comparisons: Readonly<Record<string, (a: string, b: string) => boolean>> = {
  "=": (a, b) => a === b,
  "!=": (a, b) => a !== b,
  ">=": (a, b) => Number(a) >= Number(b),
  "<=": (a, b) => Number(a) <= Number(b),
  ">": (a, b) => Number(a) > Number(b),
  "<": (a, b) => Number(a) < Number(b),
}

/** `items[0].name`, `$.score >= 3`, `label = {{label}}`: a place in the answer's JSON that is there, or holds that. */
function compileJson(rest: string, name: string): AnswerCheck["problemOf"] {
  const [found, path = "", operator, value = ""] = /^(\S+?)(?:\s*([!=<>~]+)\s*(.*))?$/s.exec(rest) ?? []
  const isKnown = operator === undefined || Object.hasOwn(comparisons, operator)
  if (found === undefined || !isKnown)
    throw usageError(
      `${name}: wanted a place, or a place, one of ${Object.keys(comparisons).join(" ")} and a value: 'json score >= 3'.`,
    )
  if (operator !== undefined && /[<>]/.test(operator) && !value.includes("{{") && !isNumber(value))
    throw usageError(`${name}: ${operator} compares numbers, and "${value}" is none.`)
  const steps = path
    .replace(/^\$\.?/, "")
    .replaceAll(/\[(\d+)\]/g, ".$1")
    .replace(/^\./, "")
  const wanted = compileTemplate(value, {}, name)
  return (output, input) => {
    const object = typeof output === "string" ? valueIn(output) : output
    if (object === undefined) return "it is not JSON"
    const own = steps === "" ? object : fieldOf(object as InputRecord, steps)
    if (own === undefined) return `there is no ${path}`
    if (operator === undefined) return passes
    const text = textOf(own)
    return comparisons[operator]?.(text, wanted(input, name)) ? passes : `it is ${text.slice(0, 80)}`
  }
}

function isNumber(text: string): boolean {
  return text.trim() !== "" && !Number.isNaN(Number(text))
}

function valueIn(text: string): unknown {
  const found = jsonInAnswer(text, () => undefined)
  return "value" in found && typeof found.value === "object" ? (found.value ?? undefined) : undefined
}

/** What a function of a person's own may answer: whether the answer passes, or what is wrong. */
type Judged = boolean | string | null | undefined
type Judge = (output: unknown, input: InputRecord) => Judged | Promise<Judged>

async function functionIn(file: string, exported: string): Promise<AnswerCheck["problemOf"]> {
  const path = resolve(file)
  if (!existsSync(path)) throw usageError(`--assert ${file}: no such file.`)
  let found: unknown
  try {
    found = ((await import(pathToFileURL(path).href)) as Record<string, unknown>)[exported]
  } catch (error) {
    throw usageError(`--assert ${file}: cannot be loaded (${(error as Error).message}).`)
  }
  if (typeof found !== "function") {
    const how = exported === "default" ? "export default (output, input) => …" : `export const ${exported} = …`
    throw usageError(`--assert ${file}: there is no function ${exported}. Write: ${how}`)
  }
  const judge = found as Judge
  return async (output, input) => {
    try {
      const judged = await judge(output, input)
      if (typeof judged === "string") return judged
      return judged === false ? fails : passes
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
}
