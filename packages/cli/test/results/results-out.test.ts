import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { ended, linesOf, sluice, startSluice, temporaryFolder } from "../command/sluice.ts"
import { jsonServer } from "../command/speaking-vendor.ts"

const env = {
  OPENAI_API_KEY: "key-of-a-test-1",
  ANTHROPIC_API_KEY: "key-of-a-test-2",
  GOOGLE_GENERATIVE_AI_API_KEY: "key-of-a-test-3",
}

function folderWith(lines: readonly string[]): { folder: string; out: string; input: string } {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.jsonl"), lines.map((line) => `${line}\n`).join(""))
  return { folder, out: join(folder, "out.jsonl"), input: join(folder, "in.jsonl") }
}

const chat = { id: "c", choices: [{ finish_reason: "stop", message: { content: "seen" } }], own_field: { x: 1 } }
const messages = {
  type: "message",
  id: "m",
  model: "m",
  content: [{ type: "text", text: "seen" }],
  stop_reason: "end_turn",
  usage: { input_tokens: 1, output_tokens: 1 },
  own_field: { x: 1 },
}
const gemini = { candidates: [{ content: { parts: [{ text: "seen" }] }, finishReason: "STOP" }], own_field: { x: 1 } }

test.each([
  ["openai-compatible:x", "/v1", chat],
  ["anthropic:claude-haiku-4-5", "/v1", messages],
  ["google:gemini-2.5-flash", "/v1beta", gemini],
])("%s: --fields raw has the answer as it came; without it nothing is kept", async (model, base, body) => {
  const server = await jsonServer(() => ({ body }))
  const { input, out } = folderWith(['{"text":"a"}'])
  const args = ["run", input, "-p", "{{text}}", "-m", model, "--base-url", `${server.url}${base}`, "-q", "-o", out]
  expect(await sluice(args, { env })).toMatchObject({ code: 0, stderr: "" })
  expect((await sluice(["export", out])).stdout).not.toContain("own_field")
  // Other fields are no other question, and what came before is not asked for again.
  expect((await sluice([...args, "--fields", "output,raw"], { env })).code).toBe(0)
  expect(linesOf(out)).toEqual([{ output: "seen", raw: null }])
  writeFileSync(input, '{"text":"b"}\n')
  expect((await sluice([...args, "--fields", "output,raw"], { env })).code).toBe(0)
  expect(linesOf(out)).toEqual([{ output: "seen", raw: body }])
  expect(server.heard).toHaveLength(2)
})

test("an answer that is no result stands in the failures as it came too", async () => {
  const body = { ...chat, choices: [{ finish_reason: "length", message: { content: "cu" } }] }
  const server = await jsonServer(() => ({ body }))
  const { input, out } = folderWith(['{"text":"a"}'])
  const model = ["-m", "openai-compatible:x", "--base-url", `${server.url}/v1`]
  expect(
    (await sluice(["run", input, "-p", "{{text}}", ...model, "-q", "-o", out, "--fields", "output,raw"])).code,
  ).toBe(1)
  expect(linesOf(`${out}.failed.jsonl`)).toMatchObject([{ output: "cu", raw: { status_code: 200, body } }])
})

test("export --format parquet: columns of inputs and of --schema's fields, typed, with all digits, read again by sluice run", async () => {
  const answers = [
    { title: "caf\u00e9", score: 1, tags: ["x"] },
    { title: "two\nlines", score: 0.5, tags: [] },
  ]
  let call = 0
  const server = await jsonServer(() => ({
    body: { choices: [{ finish_reason: "stop", message: { content: JSON.stringify(answers[call++ % 2]) } }] },
  }))
  const { folder, input, out } = folderWith([
    '{"id":9007199254740993,"good":true,"mixed":1,"price":1.50,"long":12345678901234567890.10,"note":null}',
    '{"id":2,"good":false,"mixed":"x","price":2.25,"long":1,"note":"n"}',
  ])
  writeFileSync(join(folder, "schema.json"), '{"type":"object","required":["title","score","tags"]}')
  const model = ["-m", "openai-compatible:x", "--base-url", `${server.url}/v1`, "--concurrency", "1"]
  const schema = ["--schema", join(folder, "schema.json")]
  expect((await sluice(["run", input, "-p", "{{id}}", ...model, ...schema, "-q", "-o", out])).code).toBe(0)

  const child = startSluice(["export", out, "--format", "parquet"], folder)
  const chunks: Buffer[] = []
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk))
  expect(await ended(child)).toMatchObject({ code: 0, stderr: "" })
  writeFileSync(join(folder, "results.parquet"), Buffer.concat(chunks))
  const again = join(folder, "again.jsonl")
  const read = [
    "run",
    join(folder, "results.parquet"),
    "-p",
    "x",
    "-m",
    "noop:",
    "--fields",
    "input",
    "-q",
    "-o",
    again,
  ]
  expect(await sluice(read)).toMatchObject({ code: 0, stderr: "" })
  const lines = readFileSync(again, "utf8").trimEnd().split("\n")
  expect(lines[0]).toContain(
    '"input.id":9007199254740993,"input.good":true,"input.mixed":1,"input.price":1.5,"input.long":12345678901234567890.10,"input.note":null,"output.title":"caf\u00e9","output.score":1,"output.tags":["x"]',
  )
  expect(lines[1]).toContain(
    '"input.id":2,"input.good":false,"input.mixed":"x","input.price":2.25,"input.long":1,"input.note":"n","output.title":"two\\nlines","output.score":0.5,"output.tags":[]',
  )
  const typed = await sluice(["export", out, "--format", "parquet"], { isTTY: true })
  expect([typed.code, typed.stderr]).toEqual([2, expect.stringContaining("> results.parquet")])
})
