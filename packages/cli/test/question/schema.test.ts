import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { ended, linesOf, sluice, startSluice, temporaryFolder } from "../command/sluice.ts"
import { type Said, speakingVendor } from "../command/speaking-vendor.ts"

const townSchema = {
  type: "object",
  properties: { city: { enum: ["Berlin", "Paris"] }, n: { type: "integer", minimum: 1 } },
  required: ["city", "n"],
  additionalProperties: false,
}

interface SetUp {
  readonly say: (call: number, lastText: string) => Said
  readonly schema?: unknown
  readonly inputs?: number
  readonly more?: readonly string[]
}

async function run({ say, schema = townSchema, inputs = 1, more = [] }: SetUp) {
  const vendor = await speakingVendor(({ messages }, call) => say(call, messages.at(-1)?.content ?? ""))
  const folder = temporaryFolder()
  const [input, out] = [join(folder, "in.jsonl"), join(folder, "out.jsonl")]
  writeFileSync(input, Array.from({ length: inputs }, (_, n) => `{"text":"t${n}"}\n`).join(""))
  writeFileSync(join(folder, "s.json"), JSON.stringify(schema))
  const args = ["run", input, "-p", "{{text}}", ...vendor.args, "-o", out, "--schema", join(folder, "s.json"), ...more]
  return { ...vendor, out, args, ...(await sluice(args)) }
}

test.each(['{"town":1}', "[1,2]", "42", '{"city":"Rome","n":1}', '{"city":"Paris","n":0}', '{"city":"Paris"}', "null"])(
  "an answer of %s does not fit; the second ask carries it and what was wrong, and its answer is the result",
  async (wrong) => {
    const { heard, code, out } = await run({ say: (call) => (call === 1 ? wrong : '{"city":"Paris","n":2}') })
    expect(code).toBe(0)
    expect(linesOf(out)).toMatchObject([{ output: { city: "Paris", n: 2 } }])
    expect(heard).toHaveLength(2)
    const [, answer, complaint] = heard[1]?.messages ?? []
    expect(answer).toEqual({ role: "assistant", content: wrong })
    expect(complaint?.content).toMatch(/^That answer is not valid: (the answer|\/city|\/n) must /)
  },
)

test("a process of its own: what never fits fails with words about it, after as many asks as --attempts", async () => {
  const { args, out, heard } = await run({ say: () => '{"city":"Rome","n":1}', more: ["--attempts", "2"] })
  expect(heard).toHaveLength(2)
  const { code } = await ended(startSluice([...args, "--retry-failed"], temporaryFolder()))
  expect(code).toBe(1)
  expect(heard).toHaveLength(4)
  expect(linesOf(`${out}.failed.jsonl`)).toMatchObject([
    {
      index: 0,
      attempts: 2,
      input: { text: "t0" },
      output: '{"city":"Rome","n":1}',
      error: {
        code: "answer-invalid",
        message: '/city must be equal to one of the allowed values (["Berlin","Paris"])',
        errors: [{}, {}],
      },
    },
  ])
})

test("an answer cut by length is told as cut and not asked again", async () => {
  const { heard, code, out } = await run({
    say: () => ({ choice: { message: { role: "assistant", content: '{"city":"Par' }, finish_reason: "length" } }),
  })
  expect([code, heard.length]).toEqual([1, 1])
  expect(linesOf(`${out}.failed.jsonl`)).toMatchObject([
    {
      error: { code: "answer-truncated", message: expect.stringContaining("cut after 7 tokens") as string },
      output: '{"city":"Par',
    },
  ])
})

test.each([
  ["a fence", 'Here you are:\n```json\n{"city":"Paris","n":1}\n```\nAnything else?'],
  ["thinking before it", '<think>{"city":"Rome"} or [Paris]?</think>\n\n{"city":"Paris","n":1}'],
  ["words around it", 'The answer is {"city":"Paris","n":1}.'],
  ["braces in the words before it", 'Of {all} towns I take:\n{"city":"Paris","n":1}'],
  ["thinking and a fence", '<think>hm ```json\n{"n":3}\n```</think>```\n{"city":"Paris","n":1}\n```'],
])("JSON with %s is read", async (_name, text) => {
  const { heard, code, out } = await run({ say: () => text })
  expect([code, heard.length]).toEqual([0, 1])
  expect(linesOf(out)).toMatchObject([{ output: { city: "Paris", n: 1 } }])
})

test("numbers of an answer keep their digits", async () => {
  const { out } = await run({ say: () => '{"id":9007199254740993,"p":1.50}', schema: { type: "object" } })
  const { stdout } = await sluice(["export", out])
  expect(stdout).toContain('"output":{"id":9007199254740993,"p":1.50}')
})

test("a server that refuses json_schema gets json_object, then plain text: once per run, and said once", async () => {
  const vendor = await speakingVendor(({ response_format: form, messages }) => {
    if (form) return { status: 400, message: `response_format.type ${form.type} is not supported by this server` }
    return messages.at(-1)?.content.includes('"enum":["Berlin","Paris"]') ? '{"city":"Paris","n":1}' : "what?"
  })
  const folder = temporaryFolder()
  const out = join(folder, "o")
  writeFileSync(join(folder, "in.txt"), "a\nb\nc\nd\ne\nf\n")
  writeFileSync(join(folder, "s.json"), JSON.stringify(townSchema))
  const args = ["run", "in.txt", "-p", "{{text}}", ...vendor.args, "-o", out, "--schema", "s.json"]
  const { code, stderr } = await ended(startSluice(args, folder))
  expect(code).toBe(0)
  expect(linesOf(out)).toHaveLength(6)
  const forms = vendor.heard.map((heard) => heard.response_format?.type ?? "text")
  expect(forms).toEqual(["json_schema", "json_object", ...Array.from({ length: 6 }, () => "text")])
  expect(stderr.match(/does not take response_format json_schema/g)).toHaveLength(1)
  expect(stderr.match(/does not take response_format json_object/g)).toHaveLength(1)
})

test("a server that takes json_object stays there; its answers are checked all the same", async () => {
  const { heard, code, out } = await run({
    say: (call) => {
      if (call === 1) return { status: 422, message: "json_schema: unknown response format" }
      return call === 2 ? '{"city":"Rome","n":1}' : '{"city":"Berlin","n":1}'
    },
  })
  expect(code).toBe(0)
  expect(heard.map(({ response_format: form }) => form?.type)).toEqual(["json_schema", "json_object", "json_object"])
  expect(linesOf(out)).toMatchObject([{ output: { city: "Berlin", n: 1 } }])
})

const place = { type: "object", properties: { at: { $ref: "#/definitions/point" } }, required: ["at"] }
const point = { type: "object", properties: { x: { type: "number" } }, required: ["x"] }
test.each<[string, unknown, string, string]>([
  [
    "draft-07 with definitions",
    { $schema: "http://json-schema.org/draft-07/schema#", ...place, definitions: { point } },
    '{"at":{}}',
    '{"at":{"x":1}}',
  ],
  [
    "2020-12 with $defs and prefixItems",
    {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      $defs: { pair: { prefixItems: [{ type: "number" }], items: false } },
      type: "object",
      properties: { p: { $ref: "#/$defs/pair" } },
    },
    '{"p":[1,2]}',
    '{"p":[1]}',
  ],
  [
    "no $schema, and a tuple of draft-07",
    { type: "object", properties: { p: { items: [{ type: "number" }, { type: "string" }], additionalItems: false } } },
    '{"p":["a"]}',
    '{"p":[1,"a"]}',
  ],
  [
    "formats",
    { type: "object", properties: { on: { type: "string", format: "date" }, to: { type: "string", format: "email" } } },
    '{"on":"yesterday","to":"me"}',
    '{"on":"2026-01-02","to":"me@example.org"}',
  ],
  [
    "OpenAI's wrapper",
    { name: "town", strict: true, schema: townSchema },
    '{"city":"Rome","n":1}',
    '{"city":"Paris","n":1}',
  ],
  [
    "OpenAI's response_format",
    { type: "json_schema", json_schema: { name: "town", schema: townSchema } },
    "{}",
    '{"city":"Paris","n":1}',
  ],
])("%s", async (_name, schema, wrong, right) => {
  const { heard, code, out } = await run({ schema, say: (call) => (call === 1 ? wrong : right) })
  expect([code, heard.length]).toEqual([0, 2])
  expect(linesOf(out)).toMatchObject([{ output: JSON.parse(right) as unknown }])
  expect(JSON.stringify(heard[0]?.response_format)).not.toMatch(/"schema":\{"(name|type)":"(town|json_schema)"/)
})

test("an answer nested 20,000 deep is that item's failure, and the run goes on", async () => {
  const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`
  const { code, out } = await run({
    inputs: 3,
    schema: { type: "object" },
    say: (_call, text) => (text.includes("t1") || text.includes("not valid") ? `{"a":${deep}}` : '{"a":1}'),
    more: ["--attempts", "1"],
  })
  expect(code).toBe(1)
  expect(linesOf(out).map(({ index }) => index)).toEqual([0, 2])
  expect(linesOf(`${out}.failed.jsonl`)).toMatchObject([
    { index: 1, error: { code: "answer-invalid", message: "it is nested more than 256 deep" } },
  ])
})

test("a pattern that takes for ever on an answer fails that item alone", async () => {
  const schema = { type: "object", properties: { a: { type: "string", pattern: "^(a+)+$" } }, required: ["a"] }
  const hostile = JSON.stringify({ a: `${"a".repeat(40)}!` })
  const { code, out } = await run({
    say: (_call, text) => (text === "t1" ? JSON.stringify({ a: "aaa" }) : hostile),
    schema,
    inputs: 2,
    more: ["--attempts", "1"],
  })
  expect(code).toBe(1)
  expect(linesOf(out)).toMatchObject([{ output: { a: "aaa" } }])
  expect(JSON.stringify(linesOf(`${out}.failed.jsonl`))).toContain("did not come to an end in 1 s")
})

test.each([{ $ref: "#" }, { allOf: [{ $ref: "#" }] }])(
  "a schema that is only itself (%j) is refused before any call",
  async (schema) => {
    const { code, heard, stderr } = await run({ say: () => "{}", schema })
    expect([code, heard.length]).toEqual([2, 0])
    expect(stderr).toContain("refers to itself without end")
  },
)
