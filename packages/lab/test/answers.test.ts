import { readFileSync } from "node:fs"
import fc from "fast-check"
import { expect, test } from "vitest"
import { z } from "zod"
import { conformToSchema, countTokens, extractiveSummary, type JsonSchema } from "../src/index.ts"
import { plainText } from "../src/answers/plain-text.ts"
import { cutToTokens } from "../src/answers/token-count.ts"
import { post, vendorFor } from "./server/started-vendor.ts"

test("tokens are UTF-16 code units / 4, rounded up; a cut never halves a surrogate pair", () => {
  expect([countTokens(""), countTokens("1"), countTokens("1234"), countTokens("12345"), countTokens("🎉🎉")]).toEqual([
    0, 1, 1, 2, 1,
  ])
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("a", "é", "🎉", "\ud83c"), { maxLength: 100 }).map((parts) => parts.join("")),
      fc.nat(20),
      (text, tokens) => {
        const cut = cutToTokens(text, tokens)
        expect(text.startsWith(cut)).toBe(true)
        expect(countTokens(cut)).toBeLessThanOrEqual(tokens)
        if (text.isWellFormed()) expect(cut.isWellFormed()).toBe(true)
      },
    ),
  )
})

test("plainText keeps the prose of Markdown and nothing else", () => {
  const markdown = [
    "# Title",
    "[![build](https://ci/x.svg)](https://ci) ![logo](logo.png)",
    "A **fast** [queue](https://example.com) with `limits` & more.",
    "",
    "```js",
    "const secret = 1",
    "```",
    "| a | b |",
    "|---|---|",
    "- First _item_.",
    "- Second item.",
    '<div align="center">Inside html.</div>',
    "",
    "[ref]: https://example.com",
  ].join("\n")
  expect(plainText(markdown)).toBe("A fast queue with limits & more.\n\nFirst item.\n\nSecond item.\n\nInside html.")
})

const ARTICLE = `
# Rate limiting

A token bucket holds tokens and refills at a steady rate. Each request takes tokens from the bucket.
When the bucket is empty, the request waits until the bucket refills. My aunt bakes bread on Sundays.
A large bucket allows a burst of requests. The refill rate of the bucket bounds the request rate in the long run.
`

test("the summary is sentences of the text, in their order, the central ones, without the stranger", () => {
  const summary = extractiveSummary(ARTICLE, { maxSentences: 3 })
  const sentences = summary.split(/(?<=\.) /)
  expect(sentences).toHaveLength(3)
  const places = sentences.map((sentence) => plainText(ARTICLE).indexOf(sentence))
  expect(places.every((place) => place >= 0)).toBe(true)
  expect(places).toEqual(places.toSorted((a, b) => a - b))
  expect(summary).toContain("bucket")
  expect(summary).not.toContain("aunt")
})

test("a sentence that says the same as a chosen one is not chosen", () => {
  const summary = extractiveSummary(
    "The queue holds waiting calls. The queue holds the waiting calls. Calls leave the queue by age.",
    { maxSentences: 2 },
  )
  expect(summary.match(/holds/g)).toHaveLength(1)
})

test("the summary keeps within its tokens, whatever the text", () => {
  fc.assert(
    fc.property(
      fc.array(fc.lorem({ mode: "sentences", maxCount: 6 }), { maxLength: 8 }),
      fc.integer({ min: 1, max: 60 }),
      (paragraphs, maxTokens) => {
        const text = paragraphs.join("\n\n")
        const summary = extractiveSummary(text, { maxTokens })
        expect(countTokens(summary)).toBeLessThanOrEqual(maxTokens)
        if (text.trim() !== "") expect(summary).not.toBe("")
      },
    ),
  )
})

test("a text without sentences is answered by its beginning, and a real README by its prose", () => {
  expect(extractiveSummary("```\ncode\n```")).toBe("``` code ```")
  const readme = readFileSync(new URL("../node_modules/fastify/README.md", import.meta.url), "utf8")
  const summary = extractiveSummary(readme, { maxTokens: 120 })
  expect(summary.length).toBeGreaterThan(60)
  expect(summary).not.toMatch(/https?:|!\[|<|\]\(|`/)
})

test("the order to summarise is not summarised; the number of sentences asked for is given", async () => {
  const { url } = await vendorFor({ answer: "extractive" })
  const ask = async (content: string) => {
    const { body } = await post(`${url}/v1/chat/completions`, { model: "m", messages: [{ role: "user", content }] })
    return (body as { choices: { message: { content: string } }[] }).choices[0]?.message.content ?? ""
  }
  const one = await ask(`Summarise the following bucket text about the bucket in one sentence:\n\n${ARTICLE}`)
  expect(plainText(ARTICLE)).toContain(one)
  expect(one.match(/\./g)).toHaveLength(1)
})

/** Zod writes the schema and judges the value: nothing of ours is its own judge. */
const schemas: fc.Arbitrary<z.ZodType> = fc.letrec<{ schema: z.ZodType }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom<z.ZodType>(
      z.string(),
      z.boolean(),
      z.null(),
      z.number(),
      z.int(),
      z.email(),
      z.uuid(),
      z.iso.datetime(),
      z.iso.date(),
      z.url(),
      z.literal("x"),
      z.enum(["a", "b"]),
    ),
    fc.tuple(fc.nat(20), fc.nat(20)).map(([least, more]) =>
      z
        .string()
        .min(least)
        .max(least + more),
    ),
    fc.tuple(fc.integer({ min: -50, max: 50 }), fc.nat(50)).map(([least, more]) =>
      z
        .int()
        .min(least)
        .max(least + more),
    ),
    fc.tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: 1, max: 50 })).map(([least, more]) =>
      z
        .number()
        .gt(least)
        .lt(least + more),
    ),
    fc.integer({ min: 2, max: 9 }).map((step) => z.number().min(10).multipleOf(step)),
    tie("schema").map((inner) => z.nullable(inner)),
    fc.tuple(tie("schema"), fc.nat(3), fc.nat(3)).map(([inner, least, more]) =>
      z
        .array(inner)
        .min(least)
        .max(least + more),
    ),
    fc.tuple(tie("schema"), tie("schema")).map(([a, b]) => z.union([a, b])),
    fc.tuple(tie("schema"), tie("schema")).map(([a, b]) => z.tuple([a, b])),
    fc
      .dictionary(fc.stringMatching(/^[a-z]{1,5}$/), tie("schema"), { maxKeys: 4 })
      .map((shape) => z.strictObject(shape)),
    fc.tuple(tie("schema"), tie("schema")).map(([a, b]) => z.object({ a: a.optional(), b })),
  ),
})).schema

test("conformToSchema satisfies whatever schema is asked for", () => {
  fc.assert(
    fc.property(schemas, fc.string({ maxLength: 60 }), (schema, text) => {
      const value = conformToSchema(z.toJSONSchema(schema) as JsonSchema, text)
      const judged = schema.safeParse(value)
      expect(judged.success, `${JSON.stringify(z.toJSONSchema(schema))} → ${JSON.stringify(value)}`).toBe(true)
    }),
    { numRuns: 500 },
  )
}, 60_000)

test("conformToSchema ends where a schema contains itself, and follows $ref and allOf", () => {
  interface Tree {
    label: string
    children: Tree[]
    parent?: Tree | undefined
    next: Tree | null
  }
  const tree: z.ZodType<Tree> = z.lazy(() =>
    z.object({ label: z.string(), children: z.array(tree), parent: tree.optional(), next: tree.nullable() }),
  )
  const value = conformToSchema(z.toJSONSchema(tree) as JsonSchema, "leaf")
  expect(tree.safeParse(value).success).toBe(true)
  const both = {
    allOf: [{ $ref: "#/$defs/a" }, { properties: { b: { type: "integer" } }, required: ["b"] }],
    $defs: { a: { type: "object", properties: { a: { const: 7 } }, required: ["a"] } },
  }
  expect(conformToSchema(both, "")).toEqual({ a: 7, b: 0 })
})
