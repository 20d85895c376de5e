import { createHash } from "node:crypto"
import { existsSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { ended, linesOf, sluice, startSluice, temporaryFolder } from "../command/sluice.ts"
import { jsonServer, type Said, speakingVendor } from "../command/speaking-vendor.ts"

async function setUp(count: number, say: (text: string, call: number) => Said | Promise<Said>) {
  const vendor = await speakingVendor(({ messages }, call) => say(messages.at(-1)?.content ?? "", call))
  const folder = temporaryFolder()
  const out = join(folder, "out.jsonl")
  writeFileSync(join(folder, "in.txt"), Array.from({ length: count }, (_, n) => `t${n}\n`).join(""))
  const args = ["run", join(folder, "in.txt"), "-p", "{{text}}", ...vendor.args, "-o", out]
  return { ...vendor, folder, out, args }
}

test("a model that the vendor does not know: one call, exit code 2, nothing recorded; another model takes the same --out", async () => {
  const { args, out, heard, folder } = await setUp(200, () =>
    heard.length === 1 ? { status: 404, message: "The model `x` does not exist" } : "fine",
  )
  const { code, stderr } = await ended(startSluice(args, folder))
  expect(code).toBe(2)
  expect(stderr).toContain("no such model or address (404 The model `x` does not exist). Check --model and --base-url")
  expect(heard).toHaveLength(1)
  expect([linesOf(out), linesOf(`${out}.failed.jsonl`)]).toEqual([[], []])
  const mended = args.map((arg) => (arg === "openai-compatible:x" ? "openai-compatible:y" : arg))
  expect((await sluice(mended)).code).toBe(0)
  expect(linesOf(out)).toHaveLength(200)
})

test("a first call that takes long holds up nobody", async () => {
  const others = Promise.withResolvers<void>()
  // The first is answered once all others have been: if they waited for it, none ever would be.
  const { args, out, heard } = await setUp(12, async (_text, call) => {
    if (call === 12) others.resolve()
    if (call === 1) await others.promise
    return "fine"
  })
  expect((await sluice([...args, "--concurrency", "3"])).code).toBe(0)
  expect([heard.length, linesOf(out).length]).toEqual([12, 12])
})

test("every call is refused for one reason: stopped after some 20, exit code 3, all items open, and the question may change", async () => {
  const { args, out, heard, folder } = await setUp(500, (text) =>
    text.startsWith("ok ") ? "fine" : { status: 400, message: "Unsupported parameter: 'messages'." },
  )
  const { code, stderr } = await ended(startSluice(args, folder))
  expect(code).toBe(3)
  expect(stderr).toContain("the first 20 calls were all refused for one reason: 400 Unsupported parameter: 'messages'.")
  expect(heard.length).toBeGreaterThanOrEqual(20)
  expect(heard.length).toBeLessThan(60)
  expect([linesOf(out), linesOf(`${out}.failed.jsonl`)]).toEqual([[], []])
  const mended = args.map((arg) => (arg === "{{text}}" ? "ok {{text}}" : arg))
  expect((await sluice(mended)).code).toBe(0)
  expect(linesOf(out)).toHaveLength(500)
})

const idOf = (call: number): string => createHash("sha256").update(String(call)).digest("hex")

const uuidOf = (call: number): string => idOf(call).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*/, "$1-$2-$3-$4-$5")

test.each<[string, (call: number) => string, ((call: number) => string)?]>([
  ["in OpenAI's words", (call: number) => `An error. Please include the request ID req_${idOf(call)} in your message.`],
  ["in Azure's words", (call: number) => `Bad request. (apim-request-id: ${uuidOf(call)})`],
  ["as a UUID in brackets", (call: number) => `Model disabled [${uuidOf(call)}]`],
  ["with the time of the call", (call: number) => `Refused at 2026-01-02T03:04:${String(call % 60).padStart(2, "0")}Z`],
  [
    "as the header has it",
    (call: number) => `No such deployment; ref ${1_000 + call}-x7f`,
    (call: number) => `${1_000 + call}-x7f`,
  ],
])("refusals that differ only by the call's own name, %s, have one reason", async (_how, message, header) => {
  const { args, out, heard } = await setUp(200, (_text, call) => ({
    status: 400,
    message: message(call),
    ...(header && { headers: { "x-ms-request-id": header(call) } }),
  }))
  const { code, stderr } = await sluice(args)
  expect([code, stderr]).toEqual([
    3,
    expect.stringContaining("the first 20 calls were all refused for one reason: 400"),
  ])
  expect(heard.length).toBeLessThan(60)
  expect([linesOf(out), linesOf(`${out}.failed.jsonl`)]).toEqual([[], []])
})

test("a page to log in at, which says 200 to everybody, fails no input: the run stops, and says what came", async () => {
  const page = "<html><body>Please log in as user 17 of the guests' network</body></html>"
  const { url, heard } = await jsonServer(() => ({ body: page, headers: { "content-type": "text/html" } }))
  const folder = temporaryFolder()
  const out = join(folder, "out.jsonl")
  writeFileSync(join(folder, "in.txt"), Array.from({ length: 300 }, (_, n) => `t${n}\n`).join(""))
  const args = ["run", join(folder, "in.txt"), "-p", "{{text}}", "-m", "openai-compatible:x", "-o", out]
  const { code, stderr } = await sluice([...args, "--base-url", `${url}/v1`])
  expect(code).toBe(3)
  expect(stderr).toContain("the first 20 calls were all refused for one reason: 200 ")
  expect(stderr).toContain(String.raw`what came begins with "<html><body>Please log in as user 17`)
  expect(heard.length).toBeLessThan(60)
  expect([linesOf(out), linesOf(`${out}.failed.jsonl`)]).toEqual([[], []])
})

test("what came is redacted before it is cut: no part of a key is shown, wherever the cut falls", async () => {
  const key = "hush-hush-ABCDEF0123456789"
  // The cut after 60 characters falls into the key.
  const page = `<html><body>${"-".repeat(33)}${key}</body></html>`
  const { url } = await jsonServer(() => ({ body: page, headers: { "content-type": "text/html" } }))
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.txt"), Array.from({ length: 40 }, (_, n) => `t${n}\n`).join(""))
  const args = ["run", join(folder, "in.txt"), "-p", "{{text}}", "-m", "openai-compatible:x"]
  const more = ["-o", join(folder, "out.jsonl"), "--base-url", `${url}/v1`]
  const { code, stderr } = await sluice([...args, ...more], { env: { SLUICE_API_KEY: key } })
  expect([code, stderr]).toEqual([3, expect.stringContaining("what came begins with")])
  expect(stderr).not.toContain("hush")
})

test.each([
  [
    "OpenAI's chat format",
    "openai-compatible:x",
    {
      message: "Invalid schema for response_format 'response': In context=(), 'additionalProperties' is required.",
      type: "invalid_request_error",
      param: "response_format",
      code: null,
    },
  ],
  [
    "OpenAI's responses",
    "openai:gpt-x",
    {
      message: "Invalid schema for response_format 'response': schema must be a JSON Schema of 'type: \"object\"'.",
      type: "invalid_request_error",
      param: "text.format.schema",
      code: "invalid_json_schema",
    },
  ],
  [
    "Anthropic",
    "anthropic:claude-x",
    { type: "invalid_request_error", message: "output_config.format.schema: For 'object' type, property 'x' is bad" },
  ],
  [
    "Gemini",
    "google:gemini-x",
    { code: 400, status: "INVALID_ARGUMENT", message: "Invalid JSON payload: generation_config.response_schema" },
  ],
])("%s refuses the schema: some 20 calls, exit code 3, all items open", async (_vendor, model, error) => {
  const { url, heard } = await jsonServer(() => ({ status: 400, body: { type: "error", error } }))
  const folder = temporaryFolder()
  const [out, schema] = [join(folder, "out.jsonl"), join(folder, "s.json")]
  writeFileSync(join(folder, "in.txt"), Array.from({ length: 500 }, (_, n) => `t${n}\n`).join(""))
  writeFileSync(schema, JSON.stringify({ type: "object", properties: { x: { type: "string" } } }))
  const key = "key-of-a-test-0123456789"
  const args = ["run", join(folder, "in.txt"), "-p", "{{text}}", "-m", model, "--base-url", `${url}/v1`]
  const { code, stderr } = await ended(
    startSluice([...args, "-o", out, "--schema", schema], folder, {
      env: { OPENAI_API_KEY: key, ANTHROPIC_API_KEY: key, GOOGLE_GENERATIVE_AI_API_KEY: key },
    }),
  )
  expect([code, stderr]).toEqual([3, expect.stringContaining(error.message)])
  expect(heard.length).toBeGreaterThanOrEqual(20)
  expect(heard.length).toBeLessThan(80)
  expect([linesOf(out), linesOf(`${out}.failed.jsonl`)]).toEqual([[], []])
  // The record has nothing of them either: all are open.
  expect(JSON.parse((await sluice(["runs", `${out}.journal`, "--json"])).stdout)).toMatchObject({ ok: 0, failed: 0 })
})

test("a spend cap that comes as a 403 after answers: the run ends, no item counts as failed, and the same command goes on", async () => {
  let isCapped = true
  const { args, out, heard, folder } = await setUp(100, (_text, call) =>
    isCapped && call > 30 ? { status: 403, message: "Key limit exceeded (total limit)." } : "fine",
  )
  const { code, stderr } = await ended(startSluice([...args, "--concurrency", "8"], folder))
  expect(code).toBe(3)
  expect(stderr).toContain("Key limit exceeded")
  expect(heard.length).toBeLessThanOrEqual(30 + 8)
  expect(linesOf(`${out}.failed.jsonl`)).toEqual([])
  isCapped = false
  expect((await ended(startSluice([...args, "--concurrency", "8"], folder))).code).toBe(0)
  expect([linesOf(out).length, linesOf(`${out}.failed.jsonl`)]).toEqual([100, []])
})

test.each([
  ["a key", { status: 401, message: "Incorrect API key provided." }],
  ["a bill", { status: 402, message: "Payment required." }],
  ["a quota that is spent", { status: 429, message: "Insufficient quota." }],
  ["a 429 not to be repeated", { status: 429, message: "No more today.", headers: { "x-should-retry": "false" } }],
] as const)("%s that is refused after answers: the run ends and no item counts as failed", async (_what, refusal) => {
  const { args, out, heard } = await setUp(60, (_text, call) => (call > 20 ? refusal : "fine"))
  const { code, stderr } = await sluice([...args, "--concurrency", "4"])
  expect(code).toBe(3)
  expect(stderr).toContain(`the vendor refuses this account (${refusal.status}`)
  expect(heard.length).toBeLessThanOrEqual(20 + 4)
  expect([linesOf(out).length, linesOf(`${out}.failed.jsonl`)]).toEqual([20, []])
})

test("fewer than that, other reasons, and refusals beside answers are the items' own failures", async () => {
  const few = await setUp(5, () => ({ status: 400, message: "no" }))
  expect((await sluice(few.args)).code).toBe(1)
  expect(linesOf(`${few.out}.failed.jsonl`)).toHaveLength(5)

  const different = await setUp(30, (text) => ({ status: 400, message: `no ${text}` }))
  expect((await sluice(different.args)).code).toBe(1)
  expect(linesOf(`${different.out}.failed.jsonl`)).toHaveLength(30)

  const beside = await setUp(60, (text) => (text === "t3" ? "fine" : { status: 400, message: "no" }))
  expect((await sluice([...beside.args, "--concurrency", "2"])).code).toBe(1)
  expect([linesOf(beside.out).length, linesOf(`${beside.out}.failed.jsonl`).length]).toEqual([1, 59])
})

test("--keep-going tries every input", async () => {
  const { args, out, heard } = await setUp(40, () => ({ status: 400, message: "no" }))
  expect((await sluice([...args, "--keep-going"])).code).toBe(1)
  expect([heard.length, linesOf(`${out}.failed.jsonl`).length]).toEqual([40, 40])
})

test("a changed question is refused once there are answers, and the message says what changed", async () => {
  const { args, heard } = await setUp(2, () => "fine")
  expect((await sluice(args)).code).toBe(0)
  const { code, stderr } = await sluice([
    ...args.map((arg) => (arg === "openai-compatible:x" ? "openai-compatible:y" : arg)),
    "--temperature",
    "1",
  ])
  expect(code).toBe(2)
  expect(stderr).toContain("the model (it was openai-compatible:x) and the settings changed")
  expect((await sluice([...args, "--system", "be brief"])).stderr).toContain("another question: the system changed")
  expect(heard).toHaveLength(2)
})

test.each([
  ["the prompt", ["-p", "Say {{text}}"]],
  ["the model (it was openai-compatible:x)", ["-m", "openai-compatible:y"]],
  ["the schema", ["--schema", "$/other.json"]],
  ["the system", ["--system", "be brief"]],
  ["the messages", ["--messages", "$/messages.json"]],
  ["the param", ["--param", "tone=kind"]],
  ["the settings", ["--temperature", "1"]],
  ["the options", ["--option", "top_k=40"]],
  ["the prompt and the schema", ["-p", "Say {{text}}", "--schema", "$/other.json"]],
])("another question: it is %s that changed, and nothing else is named", async (what, change) => {
  const { args, heard, folder } = await setUp(2, () => "{}")
  const write = (name: string, value: unknown): void => writeFileSync(join(folder, name), JSON.stringify(value))
  write("schema.json", { type: "object" })
  write("other.json", { type: "object", properties: { a: { type: "string" } } })
  write("messages.json", [{ role: "system", content: "be brief" }])
  const first = [...args, "--schema", join(folder, "schema.json"), "-q"]
  expect((await sluice(first)).code).toBe(0)
  // Beside the first, another model would be another column.
  const asked = change[0] === "-m" ? first.toSpliced(first.indexOf("-m"), 2) : first
  const { code, stderr } = await sluice([...asked, ...change.map((word) => word.replace("$", folder))])
  expect([code, stderr]).toEqual([2, expect.stringContaining(`answers to another question: ${what} changed. Choose`)])
  expect(heard).toHaveLength(2)
})

test("a command that is refused leaves no journal behind", async () => {
  const { folder, args } = await setUp(2, () => "fine")
  const before = readdirSync(folder)
  expect((await sluice(args.map((arg) => (arg === "{{text}}" ? "{{nope}}" : arg)))).code).toBe(2)
  expect((await sluice([...args, "--key", "nope"])).code).toBe(2)
  expect((await sluice([...args, "-m", "openai:gpt-5"])).code).toBe(2)
  expect(readdirSync(folder)).toEqual(before)
})

test("one line put in at the top asks about that line alone; answers follow their lines", async () => {
  const { args, folder, out, heard } = await setUp(50, (text) => `about ${text}`)
  await sluice(args)
  const lines = Array.from({ length: 50 }, (_, n) => `t${n}`)
  writeFileSync(join(folder, "in.txt"), ["new", ...lines].map((line) => `${line}\n`).join(""))
  expect((await ended(startSluice(args, folder))).code).toBe(0)
  expect(heard).toHaveLength(51)
  expect(linesOf(out).map(({ output }) => output)).toEqual(["new", ...lines].map((line) => `about ${line}`))
  // Sorted the other way round and two taken out: nothing is asked.
  writeFileSync(join(folder, "in.txt"), lines.slice(2).toReversed().join("\n"))
  expect((await sluice(args)).code).toBe(0)
  expect(heard).toHaveLength(51)
  expect(linesOf(out).map(({ output }) => output)).toEqual(
    lines
      .slice(2)
      .toReversed()
      .map((line) => `about ${line}`),
  )
  // And back: what was taken out is still known.
  writeFileSync(join(folder, "in.txt"), lines.join("\n"))
  expect((await sluice(args)).code).toBe(0)
  expect(heard).toHaveLength(51)
})

test("on standard input lines that moved end the run before anything is asked or lost", async () => {
  const { args, out, heard } = await setUp(0, (text) => `about ${text}`)
  const piped = (lines: string, ...more: string[]) =>
    sluice(["run", "-", "--format", "lines", ...args.slice(2), ...more], { stdin: lines })
  expect((await piped("a\nb\nc\n")).code).toBe(0)
  const { code, stderr } = await piped("new\na\nb\nc\n")
  expect(code).toBe(2)
  expect(stderr).toContain("standard input:1: not the input that was answered there: lines changed or moved.")
  expect(heard).toHaveLength(3)
  expect((await piped("a\nb\nc\nd\n")).code).toBe(0)
  expect(heard).toHaveLength(4)
  expect((await piped("a\nother\nc\nd\n", "--accept-changes")).code).toBe(0)
  expect(heard).toHaveLength(5)
  expect(linesOf(out).map(({ output }) => output)).toEqual(["about a", "about other", "about c", "about d"])
})

test("noop: checks the template on standard input too", async () => {
  const folder = temporaryFolder()
  const out = join(folder, "o")
  const { code, stderr } = await sluice(["run", "-", "-p", "{{nope}}", "-m", "noop:", "-o", out, "-q"], {
    stdin: '{"text":"a"}\n',
  })
  expect([code, stderr]).toEqual([2, expect.stringContaining("standard input:1: the prompt wants {{nope}}")])
  expect(existsSync(`${out}.failed.jsonl`)).toBe(false)
})

test("on standard input the second of two inputs with one key ends the run after what is in flight, by its line", async () => {
  const folder = temporaryFolder()
  const out = join(folder, "o")
  const { code, stderr } = await sluice(["run", "-", "-p", "a", "-m", "noop:", "-o", out, "-q", "--key", "id"], {
    stdin: '{"id":1}\n{"id":2}\n{"id":1}\n',
  })
  expect([code, stderr]).toEqual([2, expect.stringContaining('standard input:3: the key "1" is also that of an input')])
  expect(linesOf(out)).toHaveLength(2)
})
