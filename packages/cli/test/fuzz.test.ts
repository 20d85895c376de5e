import { Readable } from "node:stream"
import { SluiceError } from "@sluice/core"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { checkInputs, fuzzTimeoutMs, jsonOf, oddJson, oddText } from "../../../scripts/testing/fuzz.ts"
import { printable } from "../src/display/printable.ts"
import { compileTemplate } from "../src/question/prompt-template.ts"
import { inputFormats } from "../src/input/input-formats.ts"
import { isDeeper, maxNesting } from "../src/input/read-json.ts"
import { readInput } from "../src/input/read-input.ts"

// Whatever stands in a file of inputs or a template: an input, or an error that says where; nothing else is thrown.

const json = oddJson(["text", "title", "author", "name", "id", "a.b"])
const line = fc.oneof(
  json.map(jsonOf),
  oddText,
  fc.constantFrom(
    "a,b",
    '"a',
    'a"b',
    "a;b;c",
    '5" pipe\tx',
    "=1+1",
    '{"a":1}',
    "[",
    "]",
    "{}",
    "// comment",
    "null",
    "1",
  ),
)
const file = fc
  .tuple(
    fc.constantFrom("", "\ufeff"),
    fc.array(fc.tuple(line, fc.constantFrom("\n", "\r\n", "\r", "", "\n\n")), { maxLength: 8 }),
  )
  .map(([mark, lines]) => Buffer.from(mark + lines.flat().join("")))
const bytes = fc.oneof(
  { weight: 4, arbitrary: file },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((raw) => Buffer.from(raw)) },
  { weight: 1, arbitrary: file.map((text) => Buffer.from(`\ufeff${text.toString()}`, "utf16le")) },
  { weight: 1, arbitrary: file.map((text) => Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0]), text])) },
)

/** Nothing but our own errors. */
async function orOurError(use: () => Promise<void> | void): Promise<void> {
  try {
    await use()
  } catch (error) {
    if (!SluiceError.isInstance(error)) throw error
    expect(error.message.length).toBeLessThan(5_000)
  }
}

describe("fuzz: what stands in files", () => {
  it(
    "inputs in every format, cut anywhere",
    async () => {
      const options = fc.record({
        format: fc.constantFrom(...inputFormats),
        encoding: fc.constantFrom(undefined, undefined, "utf-8", "latin1", "utf-16le"),
        delimiter: fc.constantFrom(undefined, undefined, ",", ";", "|"),
      })
      await checkInputs(0.1, fc.tuple(bytes, options, fc.nat(300)), async ([all, how, cut]) => {
        // A record takes some ten microseconds: of more there could be more than the time allows.
        const content = all.subarray(0, 4_000)
        await orOurError(async () => {
          const stdin = Readable.from(
            [content.subarray(0, cut), content.subarray(cut)].filter((part) => part.length > 0),
          )
          for await (const { record, where } of readInput(["-"], how, stdin)) {
            expect(typeof record).toBe("object")
            expect(where.startsWith("standard input")).toBe(true)
          }
        })
      })
    },
    fuzzTimeoutMs,
  )

  it(
    "templates and the inputs that fill them",
    async () => {
      const part = fc.oneof(
        fc.constantFrom(
          "{{",
          "}}",
          "{{text}}",
          "{{ a.b }}",
          '{{"{{"}}',
          "{",
          "}",
          "{{__proto__}}",
          "{{constructor.name}}",
          "{{a",
          "\n",
        ),
        oddText,
      )
      const template = fc.array(part, { maxLength: 8 }).map((parts) => parts.join(""))
      // What is nested deeper was refused when it was read.
      const record = json.map((value) =>
        typeof value === "object" && value !== null && !Array.isArray(value) && !isDeeper(value, maxNesting)
          ? (value as Record<string, unknown>)
          : { text: isDeeper(value, maxNesting - 1) ? "deep" : value },
      )
      await checkInputs(0.1, fc.tuple(template, record, record), async ([text, params, input]) => {
        await orOurError(() => {
          const filled = compileTemplate(text, params, "--prompt")(input, "in.jsonl:1")
          expect(typeof filled).toBe("string")
        })
      })
    },
    fuzzTimeoutMs,
  )

  it(
    "what reaches a terminal steers nothing",
    async () => {
      await checkInputs(0.05, oddText, (text) => {
        // oxlint-disable-next-line no-control-regex
        expect(printable(text)).not.toMatch(/[\x00-\x1f\x7f-\x9f]/)
      })
    },
    fuzzTimeoutMs,
  )
})
