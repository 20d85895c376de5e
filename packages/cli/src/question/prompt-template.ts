import { nearest } from "@sluice/core/internal"
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
        return textOf(value)
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

/** Text as it is, and everything else as JSON, with the digits of numbers: what `{{field}}` means. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "")
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

/** Says which fields there are, and how one that may be missing is written. */
export function missing(field: string, record: InputRecord, params: InputRecord, where: string, name: string): Error {
  const known = [...Object.keys(record), ...Object.keys(params)]
  const shown = known.slice(0, shownNames).join(", ") || "nothing"
  const more = known.length > shownNames ? ` and ${known.length - shownNames} more` : ""
  const advice = adviceFor(field, known, record)
  return usageError(
    `${where}: ${name} wants {{${field}}}, but there is no such field. There is: ${shown}${more}.${advice}`,
  )
}

/** A table may have a thousand columns. */
const shownNames = 20
const longestName = 60

function adviceFor(field: string, known: readonly string[], record: InputRecord): string {
  const alike = known.find((one) => one.toLowerCase() === field.toLowerCase())
  if (alike !== undefined) return ` Did you mean {{${alike}}}?`
  const members = Object.values(record)
  if (members.length > 1 && members.every((member) => fieldOf(asRecord(member), field) !== undefined))
    return ` It is one object of ${members.length} objects: with --format entries each of them is an input, and its name {{key}}.`
  const list = Object.entries(record).find(
    ([, value]) => Array.isArray(value) && fieldOf(asRecord(value[0]), field) !== undefined,
  )
  if (list)
    return ` It is one object with a list: for an input of each of its ${list[0]}, make a file of the list alone (jq .${list[0]} FILE > list.json).`
  // Comparing takes as long as both are: what is no name is not compared.
  const names = known.slice(0, shownNames).filter((one) => one.length < longestName)
  const close = field.length < longestName ? nearest(field, names) : ""
  return close === "" ? ` For inputs without it: {{ ${field} | default: "…" }}` : close
}

function asRecord(value: unknown): InputRecord {
  return typeof value === "object" && value !== null ? (value as InputRecord) : {}
}
