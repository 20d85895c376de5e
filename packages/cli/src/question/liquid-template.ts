import { exactDigits } from "@sluice/journal"
import {
  type Comparable,
  Drop,
  Liquid,
  Tag,
  Tokenizer,
  TokenKind,
  Value,
  type Context,
  type Emitter,
  type TagToken,
} from "liquidjs"
import { usageError } from "../usage-error.ts"
import { fieldOf, type InputRecord, missing, type Template, textOf } from "./prompt-template.ts"

/** A number that keeps its digits in every text, and is compared by its value. */
class ExactNumber extends Drop implements Comparable {
  readonly #number: object

  constructor(number: object) {
    super()
    this.#number = number
  }

  override valueOf(): string {
    return exactDigits(this.#number)!
  }

  toJSON(): object {
    return this.#number
  }

  equals(other: unknown): boolean {
    return Number(this.valueOf()) === Number(other)
  }

  gt(other: unknown): boolean {
    return Number(this.valueOf()) > Number(other)
  }

  geq(other: unknown): boolean {
    return Number(this.valueOf()) >= Number(other)
  }

  lt(other: unknown): boolean {
    return Number(this.valueOf()) < Number(other)
  }

  leq(other: unknown): boolean {
    return Number(this.valueOf()) <= Number(other)
  }
}

/** A prompt takes milliseconds. One that goes beyond these is a loop gone wrong, and would hold up every other item. */
const mostSeconds = 3
const mostElements = 20_000_000

const engine = new Liquid({
  strictVariables: true,
  strictFilters: true,
  // `{% if note %}` and `default` are there for fields that some inputs do not have.
  lenientIf: true,
  ownPropertyOnly: true,
  // A prompt reads no other file.
  templates: {},
  renderLimit: mostSeconds * 1000,
  memoryLimit: mostElements,
  outputEscape: textOf,
})

/** `{{field}}` without filters: what it means in a prompt without tags, and in a loop its variable. */
class FieldTag extends Tag {
  readonly #path: string
  /** What a loop or an assignment would call it. */
  readonly #root: string | undefined
  readonly #value: Value | undefined

  constructor(token: TagToken, remaining: never[], liquid: Liquid) {
    super(token, remaining, liquid)
    this.#path = JSON.parse(token.args) as string
    this.#root = /^[\w-]+/.exec(this.#path)?.[0]
    this.#value = valueAt(this.#path, liquid)
  }

  override *render(context: Context, emitter: Emitter): Generator<unknown, void, unknown> {
    const inputs = context.environments as InputRecord
    const root = this.#root
    // Of a loop, or assigned.
    const isLocal = root !== undefined && (context.getAll() as InputRecord)[root] !== inputs[root]
    const own = isLocal ? undefined : fieldOf(inputs, this.#path)
    if (own !== undefined) return emitter.write(textOf(own))
    if (!this.#value) throw new MissingField(this.#path)
    emitter.write(textOf(yield this.#value.value(context, false)))
  }
}

class MissingField extends Error {
  readonly variableName: string

  constructor(name: string) {
    super(name)
    this.variableName = name
  }
}

engine.registerTag("sluice_field", FieldTag as never)

/** Compiles a prompt with tags or filters (`{% if note %}…{% endif %}`, `{{ text | truncate: 2000 }}`): Liquid's, as LiquidJS has it. */
export function compileLiquid(text: string, params: InputRecord, name: string): Template {
  const parsed = parse(text, name)
  const given = exact(params)
  return (record, where) => {
    try {
      return engine.renderSync(parsed, { ...given, ...exact(record) }) as string
    } catch (error) {
      const { variableName } = ((error as { originalError?: unknown }).originalError ?? error) as {
        variableName?: string
      }
      if (variableName !== undefined) throw missing(variableName, record, params, where, name)
      throw usageError(`${where}: ${name}: ${tooMuch(error)}${firstLine(error)}.`)
    }
  }
}

function parse(text: string, name: string): ReturnType<Liquid["parse"]> {
  try {
    return engine.parse(withFields(text))
  } catch (error) {
    throw usageError(`${name}: ${firstLine(error)}. What is no tag is written {% raw %}{%{% endraw %}.`)
  }
}

/** Every `{{field}}` in place of which Liquid would want another way to write it (`{{Review Text}}`, a field called `a.b`). */
function withFields(text: string): string {
  let result = ""
  let at = 0
  for (const token of new Tokenizer(text).readTopLevelTokens(engine.options)) {
    if (token.kind !== TokenKind.Output) continue
    const { content, begin, end } = token as typeof token & { readonly content: string }
    const path = content.trim()
    if (path === "" || /["'|]/.test(path)) continue
    result += `${text.slice(at, begin)}{% sluice_field ${JSON.stringify(path)} %}`
    at = end
  }
  return result + text.slice(at)
}

function valueAt(path: string, liquid: Liquid): Value | undefined {
  try {
    return new Value(path, liquid)
  } catch {
    return undefined
  }
}

function exact<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value
  if (exactDigits(value) !== undefined) return new ExactNumber(value) as T
  if (Array.isArray(value)) return value.map(exact) as T
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, exact(inner)])) as T
}

/** What a prompt that breaks a bound of the engine did, in place of the engine's few words alone. */
function tooMuch(error: unknown): string {
  const { message } = error as Error
  const which = /^(template render|memory alloc) limit exceeded/.exec(message)?.[1]
  if (which === undefined) return ""
  const what =
    which === "memory alloc"
      ? `makes more than ${mostElements.toLocaleString("en")} elements or characters in its loops and filters`
      : `takes longer than ${mostSeconds} seconds`
  return `it ${what}, so it is given up. Make its loops shorter: `
}

function firstLine(error: unknown): string {
  return (error as Error).message.split("\n")[0]!
}
