import { stripVTControlCharacters } from "node:util"

/** One line without control characters: names and vendors' words must not steer the terminal. */
export function printable(text: string): string {
  return printableText(text).replaceAll("\n", " ").trim()
}

/**
 * Text of several lines for a terminal: nothing in it moves the cursor, changes colours or titles, turns the direction of
 * writing or hides. What is no such text passes as it is.
 */
export function printableText(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/\r\n?|[\u0085\u2028\u2029]/g, "\n")
    .replace(/[^\P{Cc}\n]+/gu, " ")
    .replace(/\p{Cf}+/gu, "")
}

/** A value as a line of JSON of the same meaning, in which no character steers a terminal. */
export function printableJson(value: unknown, replacer?: (name: string, value: unknown) => unknown): string {
  return steeringEscaped(JSON.stringify(value, replacer))
}

/** JSON of the same meaning, in which no character steers a terminal. */
export function steeringEscaped(json: string): string {
  return json.replace(/[\u007F-\u009F\u2028\u2029\p{Cf}]/gu, (text) =>
    text
      .split("")
      .map((unit) => String.raw`\u` + unit.charCodeAt(0).toString(16).padStart(4, "0"))
      .join(""),
  )
}
