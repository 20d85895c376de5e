import { exactDigits } from "@sluice/journal"
import { usageError } from "../usage-error.ts"

/** Plain data by field name, as an input line gives it. */
export type InputRecord = Readonly<Record<string, unknown>>

/** Fills in the fields of one input; `where` (`prompts.jsonl:17`) names it in errors. */
export type Template = (record: InputRecord, where: string) => string

type Part = { readonly text: string } | { readonly field: string }

/**
 * Compiles `Summarise: {{text}}`. A field may be a path (`{{author.name}}`); what is no text is inserted as JSON, `null`
 * and the digits of numbers too. `{{"{{"}}` is a text in quotes: two braces. `params` (from `--param`) fill in what the
 * input does not have.
 */
export function compileTemplate(text: string, params: InputRecord, name: string): Template {
  const parts = partsOf(text, name)
  return (record, where) =>
    parts
      .map((part) => {
        if ("text" in part) return part.text
        const own = fieldOf(record, part.field)
        const value = own === undefined ? fieldOf(params, part.field) : own
        if (value === undefined) throw missing(part.field, record, params, where, name)
        return typeof value === "string" ? value : JSON.stringify(value)
      })
      .join("")
}

function partsOf(text: string, name: string): Part[] {
  const parts: Part[] = []
  let at = 0
  for (;;) {
    const open = text.indexOf("{{", at)
    if (open < 0) break
    // Inside quotes braces close nothing.
    const quoted = /\s*"([^"\n]*)"\s*\}\}/y
    quoted.lastIndex = open + 2
    const literal = quoted.exec(text)
    const close = literal ? quoted.lastIndex - 2 : text.indexOf("}}", open)
    const inside = text.slice(open + 2, Math.max(open + 2, close)).trim()
    if (close < 0 || (!literal && /[{}]/.test(inside))) {
      throw usageError(`${name}: a {{ is not closed by }}. Two braces as such are written {{"{{"}}.`)
    }
    if (inside === "") throw usageError(`${name}: {{}} names no field.`)
    parts.push({ text: text.slice(at, open) }, literal ? { text: literal[1] ?? "" } : { field: inside })
    at = close + 2
  }
  parts.push({ text: text.slice(at) })
  return parts
}

/** The value at `path`; a field that is called `a.b` goes before `b` inside `a`. */
export function fieldOf(record: InputRecord, path: string): unknown {
  if (Object.hasOwn(record, path)) return record[path]
  let value: unknown = record
  for (const step of path.split(".")) {
    if (typeof value !== "object" || value === null || exactDigits(value) !== undefined) return undefined
    if (!Object.hasOwn(value, step)) return undefined
    value = (value as InputRecord)[step]
  }
  return value
}

function missing(field: string, record: InputRecord, params: InputRecord, where: string, name: string): Error {
  const known = [...Object.keys(record), ...Object.keys(params)]
  return usageError(
    `${where}: ${name} wants {{${field}}}, but there is no such field. There is: ${known.join(", ") || "nothing"}.`,
  )
}
