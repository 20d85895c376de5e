import { usageError } from "../usage-error.ts"

/**
 * Throws where an object in a JSON text has a name twice: `JSON.parse` keeps the last one, and the other is lost. The text is known to be
 * JSON. `whereOf` says where a line of it is, counted from 1.
 */
export function refuseRepeated(text: string, whereOf: (line: number) => string): void {
  const found = repeatedName(text)
  if (found === undefined) return
  const line = text.slice(0, found.at).split("\n").length
  throw usageError(
    `${whereOf(line)}: two fields of one object are both called ${JSON.stringify(found.name)}: one would be lost. Rename one of them.`,
  )
}

/** The first name that is in its object already, and where. Looks at each character once. */
function repeatedName(text: string): { readonly name: string; readonly at: number } | undefined {
  // Of each object that is open its names so far; `undefined` of a list.
  const open: (Set<string> | undefined)[] = []
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]
    if (sign === "{") open.push(new Set())
    else if (sign === "[") open.push(undefined)
    else if (sign === "}" || sign === "]") open.pop()
    else if (sign === '"') {
      const end = endOf(text, at)
      const names = open.at(-1)
      if (names && isName(text, end)) {
        const written = text.slice(at, end)
        const name = written.includes("\\") ? (JSON.parse(written) as string) : written.slice(1, -1)
        if (names.has(name)) return { name, at }
        names.add(name)
      }
      at = end - 1
    }
  }
  return undefined
}

/** Behind the closing quote of the text that begins at `from`: the first one with an even number of backslashes before it. */
function endOf(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let before = at
    while (text[before - 1] === "\\") before--
    if ((at - before) % 2 === 0) return at + 1
  }
  return text.length
}

function isName(text: string, from: number): boolean {
  let at = from
  while (/\s/.test(text[at] ?? "")) at++
  return text[at] === ":"
}
