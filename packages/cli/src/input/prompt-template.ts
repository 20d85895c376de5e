import { usageError } from "../usage-error.ts"

/** Plain data by field name, as an input line gives it. */
export type InputRecord = Readonly<Record<string, unknown>>

/** Fills in the fields of one input; `where` (`prompts.jsonl:17`) names it in errors. */
export type Template = (record: InputRecord, where: string) => string

/**
 * Compiles `Summarise: {{text}}`. A field may be a path (`{{author.name}}`); what is no text is inserted as JSON.
 * `params` (from `--param`) fill in what the input does not have.
 */
export function compileTemplate(text: string, params: InputRecord, name: string): Template {
  // Odd parts are what stood between the braces.
  const parts = text.split(/\{\{\s*([^{}]*?)\s*\}\}/)
  for (const [at, part] of parts.entries()) {
    if (at % 2 === 1 && part === "") throw usageError(`${name}: {{}} names no field.`)
    if (at % 2 === 0 && part.includes("{{")) throw usageError(`${name}: a {{ is not closed by }}.`)
  }
  return (record, where) =>
    parts
      .map((part, at) => {
        if (at % 2 === 0) return part
        const value = fieldOf(record, part) ?? fieldOf(params, part)
        if (value === undefined) throw missing(part, record, params, where, name)
        return typeof value === "string" ? value : JSON.stringify(value)
      })
      .join("")
}

/** The value at `path`; a field that is called `a.b` goes before `b` inside `a`. */
export function fieldOf(record: InputRecord, path: string): unknown {
  if (Object.hasOwn(record, path)) return record[path]
  let value: unknown = record
  for (const step of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined
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
