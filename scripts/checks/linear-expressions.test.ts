import { globSync, readFileSync } from "node:fs"
import path from "node:path"
import { parseSync } from "rolldown/utils"
import { expect, test, vi } from "vitest"
import { mostTimesAsLong, timesAsLong } from "../testing/linear.ts"

// Every regular expression of the packages takes time as its text is long, or stands here with the reason why it meets no text of others.

vi.setConfig({ testTimeout: 240_000 })

const plainText =
  "plainText makes \\n of every other line end before it, and is tried as a whole by the lab's own tests"

const ownText: Readonly<Record<string, string>> = {
  "packages/cli/src/model/open-model.ts /\\S*@/": "the address that --base-url names",
  "packages/cli/src/asking/request-asker.ts /\\/+$/": "the address that --base-url names",
  "packages/cli/src/input/tables/parquet-values.ts /(?:000)+$/": "the nine digits of a fraction of a second",
  "packages/cli/src/lane/lane-option.ts /(\\d+(?:\\.\\d+)?)([dhms])/g": "what --deadline says",
  "packages/lab/src/answers/plain-text.ts /^[^\\S\\n]*(?:[=_*-][^\\S\\n]*){3,}$/gm": plainText,
  "packages/lab/src/answers/plain-text.ts /^[^\\S\\n]*>+\\s?(?:\\[!\\w+\\])?/gm": plainText,
  "packages/lab/src/answers/plain-text.ts /^[^\\S\\n]*(?:[-*+]|\\d+[.)])\\s+(?:\\[[ xX]\\]\\s+)?/gm": plainText,
  "packages/cli/src/commands/open-redis.ts /\\/\\/.*@/": "the address that --redis names",
}

/** Made while the program runs: where from, and why nobody else can have them take for ever. */
const made: Readonly<Record<string, string>> = {
  "packages/cli/src/checks/compile-checks.ts": "the pattern of --assert is the user's, and runs behind a time limit",
  "packages/cli/src/asking/refused-alike.ts": "joins literals of the same file, each of which is tried here",
}

interface Found {
  readonly file: string
  readonly source: string
  readonly flags: string
  readonly name: string
}

const root = path.join(import.meta.dirname, "../..")
const files = globSync("packages/*/{src,client}/**/*.{ts,tsx}", { cwd: root })
  .filter((file) => !file.includes("node_modules"))
  .toSorted()
const expressions: Found[] = []
const makers = new Set<string>()
for (const file of files) {
  const { program, errors } = parseSync(file, readFileSync(path.join(root, file), "utf8"))
  if (errors.length > 0) throw new Error(`${file} cannot be parsed: ${errors[0]?.message}`)
  visit(program, (node) => {
    const { regex, callee } = node as { regex?: { pattern: string; flags: string }; callee?: { name?: string } }
    if (regex) {
      const { pattern: source, flags } = regex
      expressions.push({ file, source, flags, name: `${file} /${source}/${flags}` })
    }
    if (callee?.name === "RegExp") makers.add(file)
  })
}

function visit(node: unknown, see: (node: object) => void): void {
  if (typeof node !== "object" || node === null) return
  if ("type" in node) see(node)
  for (const part of Object.values(node)) visit(part, see)
}

test("all are found, and what is listed is there", () => {
  expect(expressions.length).toBeGreaterThan(200)
  const names = new Set(expressions.map(({ name }) => name))
  expect(Object.keys(ownText).filter((name) => !names.has(name))).toEqual([])
  expect([...makers].toSorted()).toEqual(Object.keys(made).toSorted())
})

const anything = ["a", "0", " ", "\n", "\r", "\t", "\u00e9", "-", "_", "*", "/", ".", ":", "#", "=", "{", "}", "[", "]"]
anything.push(
  "<",
  ">",
  "|",
  "@",
  '"',
  "\\",
  '\\"',
  "A_",
  "0.",
  "1h",
  "sk-",
  "**a",
  "/a/",
  "a:",
  "//",
  "a ",
  "a\n",
  "\r\t",
)

/** Of the words of the expression, what begins like something that fits. */
function beginningsOf({ source }: Found): string[] {
  const words = source.match(/[A-Za-z_"<!-][A-Za-z_ "/<!-]*/g) ?? []
  return [words.join(""), ...words.flatMap((word) => ["", " ", "0", "-", "_", ":", "/"].map((end) => word + end))]
}

const texts = new Map<string, string>()
function textOf(piece: string, length: number): string {
  const name = `${length} ${piece}`
  const text = texts.get(name) ?? `${piece.repeat(Math.ceil(length / piece.length)).slice(0, length)}\u0001`
  if (anything.includes(piece)) texts.set(name, text)
  return text
}

const tried = expressions.filter(({ name }) => !(name in ownText)).map((found) => [found.name, found] as const)

test.each(tried)("%s", (_name, found) => {
  // All places, not only the first one: none has to be looked at again and again.
  const everywhere = new RegExp(
    found.source,
    found.flags.includes("y") ? found.flags : `${found.flags.replace("g", "")}g`,
  )
  const times = (piece: string, length: number): number =>
    timesAsLong(
      (text) => text.replace(everywhere, ""),
      (long) => textOf(piece, long),
      length,
    )
  // What is cubic would take minutes at the second length.
  for (const length of [1_000, 20_000]) {
    for (const piece of new Set([...anything, ...beginningsOf(found)])) {
      if (piece !== "") expect(times(piece, length), `repeated ${JSON.stringify(piece)}`).toBeLessThan(mostTimesAsLong)
    }
  }
  for (const piece of ["a", "0", " ", "\n", "-", "\u00e9"]) {
    expect(times(piece, 1_000_000), `a megabyte of ${JSON.stringify(piece)}`).toBeLessThan(mostTimesAsLong)
  }
})
