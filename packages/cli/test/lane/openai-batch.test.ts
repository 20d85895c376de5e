import { copyFileSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test, vi } from "vitest"
import { fastClock } from "../command/fast-clock.ts"
import { labVendor } from "../command/set-up.ts"
import { type Ended, linesOf, sluice, temporaryFolder } from "../command/sluice.ts"
import { jsonServer } from "../command/speaking-vendor.ts"

vi.setConfig({ testTimeout: 60_000 })

/** As OpenAI's guide to its batches has it. */
const example = join(import.meta.dirname, "../fixtures/openai-batch-example.jsonl")
const env = { OPENAI_API_KEY: "key-of-a-test-1" }

interface Line {
  readonly custom_id: string
  readonly url?: string
  readonly body: Readonly<Record<string, unknown>>
}

function setUp(lines?: readonly Line[], url?: string): { folder: string; out: string; args: string[] } {
  const folder = temporaryFolder()
  const [file, out] = [join(folder, "batchinput.jsonl"), join(folder, "out.jsonl")]
  if (lines) {
    const text = lines.map((line) => `${JSON.stringify({ method: "POST", url: "/v1/chat/completions", ...line })}\n`)
    writeFileSync(file, text.join(""))
  } else copyFileSync(example, file)
  return { folder, out, args: ["run", file, "-o", out, ...(url === undefined ? [] : ["--base-url", url])] }
}

const run = (args: readonly string[]): Promise<Ended> => sluice(args, { env, clock: fastClock(100) })

const chat = (custom_id: string, model: string, content = "Hello"): Line => ({
  custom_id,
  body: { model, messages: [{ role: "user", content }] },
})

test.each(["online", "batch"])(
  "OpenAI's own example runs as it is, %s, and its results are in that format",
  async (lane) => {
    const vendor = await labVendor({ batch: { validatingMs: 5, processingMs: 40, finalizingMs: 5 } })
    const { args, out } = setUp(undefined, `${vendor.url}/v1`)
    const { code, stderr } = await run([...args, "--lane", lane, "--format-out", "openai-batch", "-q"])
    expect([stderr, code]).toEqual(["", 0])
    const lines = linesOf(out)
    expect(lines.map(({ custom_id }) => custom_id)).toEqual(["request-1", "request-2"])
    for (const line of lines) {
      expect(Object.keys(line)).toEqual(["id", "custom_id", "response", "error"])
      expect(line).toMatchObject({
        id: expect.stringMatching(/^batch_req_/),
        response: {
          status_code: 200,
          request_id: expect.any(String),
          body: {
            object: "chat.completion",
            choices: [{ message: { content: expect.stringContaining("Hello world!") } }],
          },
        },
        error: null,
      })
    }
    const { arrived, batches } = vendor.stats()
    expect([arrived, batches.answered]).toEqual(lane === "batch" ? [0, 2] : [2, 0])
    // Another output format is no other question.
    expect((await run([...args, "--lane", lane, "-q"])).code).toBe(0)
    expect(linesOf(out)).toMatchObject([
      { index: 0, key: "request-1", output: expect.stringContaining("Hello world!"), finishReason: "stop" },
      { index: 1, key: "request-2" },
    ])
    expect(vendor.stats().arrived).toBe(arrived)
  },
)

test("the body is sent as it stands, numbers with their digits, and to the address that the line names", async () => {
  const server = await jsonServer<Record<string, unknown>>(({ input }) => ({
    body:
      input === undefined
        ? { object: "chat.completion", choices: [{ finish_reason: "stop", message: { content: "hi" } }] }
        : { object: "list", data: [{ index: 0, embedding: [0.25, -1] }], model: "e" },
  }))
  const { args, out, folder } = setUp([], `${server.url}/v1`)
  const bodies = [
    '{"model":"m","messages":[{"role":"user","content":"caf\u00e9"}],"seed":9007199254740993,"temperature":1.50,"vendor_own":{"a":null}}',
    '{"model":"e","input":"a text"}',
  ]
  const urls = ["/v1/chat/completions", "/v1/embeddings"]
  const text = bodies.map((body, at) => `{"custom_id":"${at}","method":"POST","url":"${urls[at]}","body":${body}}\n`)
  writeFileSync(join(folder, "batchinput.jsonl"), text.join(""))
  expect((await run([...args, "--model", "openai-compatible:", "--concurrency", "1", "-q"])).code).toBe(0)
  expect(server.paths).toEqual(urls)
  expect(server.heard[0]).toMatchObject({ temperature: 1.5, vendor_own: { a: null } })
  expect(server.texts[0]).toBe(bodies[0])
  expect(linesOf(out).map(({ output }) => output)).toEqual(["hi", [0.25, -1]])
})

test("chat, responses and embeddings in one file, in batches: one for each kind and model", async () => {
  const vendor = await labVendor({ batch: { validatingMs: 5, processingMs: 40, finalizingMs: 5 } })
  const lines: Line[] = [
    chat("a", "gpt-5-mini"),
    { custom_id: "b", url: "/v1/responses", body: { model: "gpt-5-mini", input: "Hello there" } },
    { custom_id: "c", url: "/v1/embeddings", body: { model: "text-embedding-3-small", input: ["one", "two"] } },
  ]
  const { args, out } = setUp(lines, `${vendor.url}/v1`)
  expect(await run([...args, "--lane", "batch", "-q"])).toMatchObject({ code: 0, stderr: "" })
  const outputs = linesOf(out).map(({ output }) => output)
  expect(outputs.slice(0, 2)).toEqual([expect.stringContaining("Hello"), expect.stringContaining("Hello there")])
  expect(outputs[2]).toHaveLength(2)
  expect(vendor.stats()).toMatchObject({ arrived: 0, batches: { answered: 3 } })
})

test("what fails is in the file beside in the same format, and --retry-failed asks it again", async () => {
  let isMended = false
  const server = await jsonServer<{ model: string }>(({ model }) =>
    model === "bad" && !isMended
      ? { status: 400, body: { error: { message: "no such thing", type: "invalid_request_error" } } }
      : { body: { choices: [{ finish_reason: "length", message: { content: "cut" } }] } },
  )
  const { args, out } = setUp([chat("ok", "good"), chat("not", "bad")], `${server.url}/v1`)
  const inFormat = [...args, "--format-out", "openai-batch", "-q"]
  expect((await run(inFormat)).code).toBe(1)
  // 200 is a result, as OpenAI has it.
  expect(linesOf(out)).toMatchObject([{ custom_id: "ok", response: { status_code: 200 } }])
  expect(linesOf(`${out}.failed.jsonl`)).toEqual([
    {
      id: expect.stringMatching(/^batch_req_/),
      custom_id: "not",
      response: {
        status_code: 400,
        request_id: "req-7",
        body: { error: { message: "no such thing", type: "invalid_request_error" } },
      },
      error: null,
    },
  ])
  isMended = true
  expect((await run([...inFormat, "--retry-failed"])).code).toBe(0)
  expect(linesOf(out).map(({ custom_id }) => custom_id)).toEqual(["ok", "not"])
  expect(server.heard).toHaveLength(3)
})

test("a resumed run asks what is new and what changed, by custom_id, wherever the line stands", async () => {
  const server = await jsonServer<{ messages: { content: string }[] }>(({ messages }) => ({
    body: { choices: [{ finish_reason: "stop", message: { content: messages[0]?.content } }] },
  }))
  const { args, out, folder } = setUp([chat("a", "m", "1"), chat("b", "m", "2")], `${server.url}/v1`)
  expect((await run([...args, "-q"])).code).toBe(0)
  const again = [chat("c", "m", "3"), chat("b", "m", "two"), chat("a", "m", "1")].map(
    (line) => `${JSON.stringify({ method: "POST", url: "/v1/chat/completions", ...line })}\n`,
  )
  writeFileSync(join(folder, "batchinput.jsonl"), again.join(""))
  expect((await run([...args, "-q"])).code).toBe(0)
  expect(linesOf(out).map(({ key, output }) => [key, output])).toEqual([
    ["c", "3"],
    ["b", "two"],
    ["a", "1"],
  ])
  expect(server.heard).toHaveLength(4)
})

test("mixed models have a quota each: one that is refused holds up no other", async () => {
  let refused = 0
  const order: string[] = []
  const server = await jsonServer<{ model: string }>(({ model }) => {
    if (model === "slow" && refused++ === 0)
      return { status: 429, headers: { "retry-after": "20" }, body: { error: { message: "rate limit reached" } } }
    order.push(model)
    return { body: { choices: [{ finish_reason: "stop", message: { content: model } }] } }
  })
  const lines = [
    chat("s0", "slow"),
    chat("s1", "slow"),
    ...Array.from({ length: 8 }, (_, at) => chat(`f${at}`, "fast")),
  ]
  const { args, out } = setUp(lines, `${server.url}/v1`)
  // The 20 s are two of this machine's: a busy one has the fast ones answered by then, too.
  expect((await sluice([...args, "-q"], { env, clock: fastClock(10) })).code).toBe(0)
  expect(linesOf(out)).toHaveLength(10)
  expect(order.slice(0, 8)).toEqual(Array.from({ length: 8 }, () => "fast"))
  expect(order.slice(8)).toEqual(["slow", "slow"])
})

test("the plan has each model's own tokens and price", async () => {
  const { args } = setUp([chat("a", "gpt-5-mini"), chat("b", "gpt-5-mini"), chat("c", "gpt-5")])
  const { code, stdout } = await run(["plan", ...args.slice(1, 2), "--json"])
  expect(code).toBe(0)
  const plans = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { model: string; calls: number; usd: { online: number } })
  expect(plans.map(({ model, calls }) => [model, calls])).toEqual([
    ["openai:gpt-5-mini", 2],
    ["openai:gpt-5", 1],
  ])
  for (const { usd } of plans) expect(usd.online).toBeGreaterThan(0)
  const shown = await run(["run", ...args.slice(1, 2), "--show", "1"])
  expect(shown.stdout).toMatch(/batchinput\.jsonl:1: about \d+ tokens?\n\[user\]\nHello\n/)
})

test.each([
  ["as the requests say", [50, 150], [], "200 (100 an answer at most, as the requests say)"],
  ["assumed where one says nothing", [50, undefined], [], "306 (153 an answer, assumed)"],
  ["as the command says", [50, 150], ["--answer-tokens", "80"], "130 (65 an answer)"],
] as const)("the plan's tokens out: %s", async (_name, most, more, told) => {
  const lines = most.map((max_completion_tokens, at) => {
    const line = chat(String(at), "gpt-5-mini")
    return max_completion_tokens === undefined ? line : { ...line, body: { ...line.body, max_completion_tokens } }
  })
  const { args } = setUp(lines)
  const { code, stdout } = await run(["plan", ...args.slice(1, 2), ...more])
  expect(code).toBe(0)
  expect(stdout.split("\n").find((line) => line.includes("tokens out"))).toContain(told)
})

test("standard input takes --format openai-batch; inspect shows the prompt", async () => {
  const vendor = await labVendor()
  const out = join(temporaryFolder(), "out.jsonl")
  const args = ["run", "-", "-o", out, "--base-url", `${vendor.url}/v1`, "-q"]
  const stdin = readFileSync(example, "utf8")
  const without = await sluice([...args, "-m", "lab:"], { env, stdin })
  expect([without.code, without.stderr]).toEqual([2, expect.stringContaining("--format openai-batch")])
  expect((await sluice([...args, "--format", "openai-batch"], { env, stdin })).code).toBe(0)
  const { stdout } = await sluice(["inspect", out, "--key", "request-2"])
  expect(stdout).toContain("[system]\nYou are an unhelpful assistant.\n\n[user]\nHello world!\n")
})

test.each<[string, readonly Line[], readonly string[], RegExp]>([
  ["a prompt", [chat("a", "m")], ["--format", "openai-batch", "-p", "x"], /--prompt: .*its body says it/],
  ["a setting", [chat("a", "m")], ["--temperature", "0"], /--temperature: .*its body says it/],
  ["a model", [chat("a", "m")], ["-m", "openai:gpt-5"], /--model openai:gpt-5: .*names its own model/],
  ["another vendor", [chat("a", "m")], ["-m", "anthropic:"], /anthropic/],
  ["fields", [chat("a", "m")], ["--format-out", "openai-batch", "--fields", "index"], /--fields/],
  [
    "the same custom_id twice",
    [chat("a", "m"), chat("a", "n")],
    [],
    /batchinput\.jsonl:2: the key "a" is also that of/,
  ],
  ["no model", [{ custom_id: "a", body: { messages: [] } }], [], /batchinput\.jsonl:1: .*model/],
  ["an embedding without a model", [{ custom_id: "a", url: "/v1/embeddings", body: { input: "x" } }], [], /1: .*model/],
  ["a stream", [{ custom_id: "a", body: { model: "m", stream: true } }], [], /batchinput\.jsonl:1: .*stream/],
  ["another address", [{ custom_id: "a", url: "//evil.test/v1", body: { model: "m" } }], [], /url/],
  ["a price that is not known", [chat("a", "nobody-knows")], ["--budget-usd", "1"], /price of nobody-knows/],
])("%s is refused before anything is sent", async (_what, lines, more, message) => {
  const server = await jsonServer(() => ({ body: {} }))
  const { args } = setUp(lines, `${server.url}/v1`)
  const { code, stderr } = await run([...args, ...more])
  expect(stderr).toMatch(message)
  expect([code, server.heard]).toEqual([2, []])
})

test("moderations cost nothing: a budget does not stop them, and the plan says $0", async () => {
  const server = await jsonServer(() => ({
    body: { id: "modr-1", model: "omni-moderation-latest", results: [{ flagged: false }] },
  }))
  const lines = Array.from({ length: 30 }, (_, at) => ({
    custom_id: `m${at}`,
    url: "/v1/moderations",
    body: { input: `hello ${at}` },
  }))
  const { args, out } = setUp(lines, `${server.url}/v1`)
  expect(await run([...args, "--budget-usd", "0.01", "--fields", "key,output", "-q"])).toMatchObject({ code: 0 })
  expect(linesOf(out)).toHaveLength(30)
  expect(linesOf(out)[0]).toEqual({ key: "m0", output: [{ flagged: false }] })
  const planned = await run([...args.map((arg) => (arg === "run" ? "plan" : arg)), "--budget-usd", "0.01", "--json"])
  expect(JSON.parse(planned.stdout)).toMatchObject({ usd: { online: 0, batch: 0 } })
})

test("a moderation needs no model: OpenAI is told the one that it would take, another server gets the body as it stands", async () => {
  const server = await jsonServer(() => ({ body: { id: "modr-1", model: "m", results: [{ flagged: false }] } }))
  const lines = [
    { custom_id: "a", url: "/v1/moderations", body: { input: "hello" } },
    { custom_id: "b", url: "/v1/moderations", body: { input: "hello", model: "text-moderation-stable" } },
  ]
  const own = lines.map(({ body }) => body)
  const byInput = (bodies: readonly unknown[]): unknown[] => bodies.toSorted((a, b) => size(a) - size(b))
  const { args, out } = setUp(lines, `${server.url}/v1`)
  expect(await run([...args, "-q"])).toMatchObject({ code: 0, stderr: "" })
  expect(byInput(server.heard)).toEqual(own)
  expect(linesOf(out)).toMatchObject([{ key: "a", output: [{ flagged: false }] }, { key: "b" }])
  const other = setUp(lines, `${server.url}/v1`)
  expect((await run([...other.args, "-m", "openai:", "-q"])).code).toBe(0)
  expect(server.heard.slice(2)).toContainEqual({ model: "omni-moderation-latest", input: "hello" })
  const { stdout } = await run(["plan", ...other.args.slice(1, 2)])
  expect(stdout).toContain("openai:omni-moderation-latest")
  expect(stdout).toContain("openai:text-moderation-stable")
})

const size = (value: unknown): number => JSON.stringify(value).length

test("--format-out openai-batch is for such inputs", async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.jsonl"), '{"text":"a"}\n')
  const { code, stderr } = await sluice([
    "run",
    join(folder, "in.jsonl"),
    "-p",
    "{{text}}",
    "-m",
    "lab:",
    "--format-out",
    "openai-batch",
  ])
  expect([code, stderr]).toEqual([2, expect.stringContaining("--format-out openai-batch")])
})
