import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { pdf, png, wav } from "../command/media.ts"
import { linesOf, sluice, temporaryFolder } from "../command/sluice.ts"
import { jsonServer } from "../command/speaking-vendor.ts"

const env = {
  OPENAI_API_KEY: "key-of-a-test-1",
  ANTHROPIC_API_KEY: "key-of-a-test-2",
  GOOGLE_GENERATIVE_AI_API_KEY: "key-of-a-test-3",
}

const picture = png(1_000, 750)

function setUp(lines: readonly unknown[] = [{ id: "a" }]) {
  const folder = temporaryFolder()
  mkdirSync(join(folder, "images"))
  writeFileSync(join(folder, "images/a.png"), picture)
  writeFileSync(join(folder, "images/b.pdf"), pdf(3))
  writeFileSync(join(folder, "images/c.wav"), wav(2))
  writeFileSync(join(folder, "in.jsonl"), lines.map((line) => `${JSON.stringify(line)}\n`).join(""))
  const out = join(folder, "out.jsonl")
  const run = (...more: string[]) =>
    sluice(["run", join(folder, "in.jsonl"), "-p", "What is {{id}}?", "-q", "-o", out, ...more], { env })
  return { folder, out, run, at: (path: string) => join(folder, path) }
}

const answers = {
  "/v1/responses": {
    id: "r",
    model: "m",
    output: [
      {
        type: "message",
        id: "m",
        role: "assistant",
        content: [{ type: "output_text", text: "seen", annotations: [] }],
      },
    ],
    usage: { input_tokens: 1, output_tokens: 1 },
  },
  "/v1/messages": {
    type: "message",
    id: "m",
    model: "m",
    content: [{ type: "text", text: "seen" }],
    stop_reason: "end_turn",
    usage: { input_tokens: 1, output_tokens: 1 },
  },
  "/v1beta/models/gemini-2.5-flash:generateContent": {
    candidates: [{ content: { parts: [{ text: "seen" }] }, finishReason: "STOP" }],
  },
  "/v1/chat/completions": { choices: [{ finish_reason: "stop", message: { content: "seen" } }] },
} as const

const base64 = { png: picture.toString("base64"), pdf: pdf(3).toString("base64"), wav: wav(2).toString("base64") }
const words = "What is a?"

test.each<[string, keyof typeof answers, string, readonly string[], unknown]>([
  [
    "openai:gpt-5-mini",
    "/v1/responses",
    "/v1",
    ["images/a.png", "images/b.pdf"],
    {
      input: [
        {
          role: "user",
          content: [
            { type: "input_image", image_url: `data:image/png;base64,${base64.png}` },
            { type: "input_file", filename: "b.pdf", file_data: `data:application/pdf;base64,${base64.pdf}` },
            { type: "input_text", text: words },
          ],
        },
      ],
    },
  ],
  [
    "anthropic:claude-haiku-4-5",
    "/v1/messages",
    "/v1",
    ["images/a.png", "images/b.pdf"],
    {
      messages: [
        {
          role: "user",
          content: [
            { type: "image", source: { type: "base64", media_type: "image/png", data: base64.png } },
            { type: "document", source: { type: "base64", media_type: "application/pdf", data: base64.pdf } },
            { type: "text", text: words },
          ],
        },
      ],
    },
  ],
  [
    "google:gemini-2.5-flash",
    "/v1beta/models/gemini-2.5-flash:generateContent",
    "/v1beta",
    ["images/a.png", "images/b.pdf", "images/c.wav"],
    {
      contents: [
        {
          role: "user",
          parts: [
            { inlineData: { mimeType: "image/png", data: base64.png } },
            { inlineData: { mimeType: "application/pdf", data: base64.pdf } },
            { inlineData: { mimeType: "audio/wav", data: base64.wav } },
            { text: words },
          ],
        },
      ],
    },
  ],
  [
    "openai-compatible:x",
    "/v1/chat/completions",
    "/v1",
    ["images/a.png", "images/c.wav"],
    {
      messages: [
        {
          role: "user",
          content: [
            { type: "image_url", image_url: { url: `data:image/png;base64,${base64.png}` } },
            { type: "input_audio", input_audio: { data: base64.wav, format: "wav" } },
            { type: "text", text: words },
          ],
        },
      ],
    },
  ],
])("%s gets files as its API takes them", async (model, path, base, files, sent) => {
  const server = await jsonServer(() => ({ body: answers[path] }))
  const { run, at, out } = setUp()
  const attached = files.flatMap((file) => ["--attach", at(file).replace(/a\.png$/, "{{id}}.png")])
  const args = ["-m", model, "--base-url", `${server.url}${base}`, ...attached]
  expect(await run(...args)).toMatchObject({ code: 0, stderr: "" })
  expect(server.paths).toEqual([path])
  expect(server.heard[0]).toMatchObject(sent as object)
  expect(linesOf(out)[0]).toMatchObject({ output: "seen" })
  // The same command asks nothing; other files are another question.
  expect((await run(...args)).code).toBe(0)
  expect(server.heard).toHaveLength(1)
  const other = await run(...args, "--attach", at("images/b.pdf"))
  expect([other.code, other.stderr]).toEqual([2, expect.stringContaining("the attach changed")])
})

test.each<[string, unknown, string, RegExp]>([
  ["a missing file", { id: "z" }, "images/{{id}}.png", /in\.jsonl:1: --attach .*z\.png": there is no such file/],
  [
    "a way out of the folder",
    { id: "../../secret" },
    "images/{{id}}.png",
    /leads out of the folder .*images\/\. Only what/,
  ],
  ["a way out of it and back", { id: "../images/../secret" }, "images/{{id}}.png", /leads out of the folder/],
  ["an absolute path", { id: "/etc/hostname" }, "{{id}}", /leads out of the folder \./],
  ["a link out of it", { id: "link" }, "images/{{id}}.png", /a link leads out of the folder/],
  ["a zero byte", { id: "a\0" }, "images/{{id}}.png", /leads out of the folder/],
  ["a text that is called a picture", { id: "text" }, "images/{{id}}.png", /no PNG, JPEG/],
  ["a folder", { id: "images" }, "{{id}}", /leads out of|no such file/],
  ["a file over 20 MiB", { id: "large" }, "images/{{id}}.png", /21 MiB, and vendors take at most 20 MiB/],
  ["a sound for a model that takes none", { id: "c" }, "images/{{id}}.wav", /anthropic: models take no audio\/wav/],
])("%s is told before anything is sent", async (_what, line, pattern, message) => {
  const server = await jsonServer(() => ({ body: answers["/v1/messages"] }))
  const { run, at } = setUp([line])
  writeFileSync(at("secret.png"), picture)
  writeFileSync(at("images/text.png"), "PRIVATE KEY")
  writeFileSync(at("images/large.png"), picture)
  truncateSync(at("images/large.png"), 20 * 2 ** 20 + 1)
  symlinkSync(at("secret.png"), at("images/link.png"))
  const attach = pattern.startsWith("images/") ? at(pattern) : pattern
  const args = ["-m", "anthropic:claude-haiku-4-5", "--base-url", `${server.url}/v1`, "--attach", attach]
  const { code, stderr } = await run(...args)
  expect(stderr).toMatch(message)
  expect([code, server.heard]).toEqual([2, []])
})

test.each([
  ["anthropic:claude-haiku-4-5", 1_000, 6_000, 0],
  ["google:gemini-2.5-flash", 516, 774, 64],
  ["openai:gpt-4o", 765, 6_000, 0],
  ["openai:gpt-5-mini", 1_245, 6_000, 0],
])("the plan counts what files add for %s", async (model, image, document, sound) => {
  const { folder, at } = setUp()
  const tokens = async (...files: string[]) => {
    const attached = files.flatMap((file) => ["--attach", at(file)])
    const args = ["plan", join(folder, "in.jsonl"), "-p", "What?", "-m", model, "--json", ...attached]
    return (JSON.parse((await sluice(args)).stdout) as { tokens: { input: number } }).tokens.input
  }
  const bare = await tokens()
  expect((await tokens("images/a.png")) - bare).toBe(image)
  expect((await tokens("images/b.pdf")) - bare).toBe(document)
  if (sound > 0) expect((await tokens("images/c.wav")) - bare).toBe(sound)
})

test("--show tells which files go with a prompt; a folder of pictures is an input", async () => {
  const { folder, at, out } = setUp()
  const shown = await sluice([
    "run",
    join(folder, "in.jsonl"),
    "-p",
    "What?",
    "--attach",
    at("images/{{id}}.png"),
    "--show",
    "1",
  ])
  expect(shown.stdout).toMatch(
    /in\.jsonl:1: about \d+ tokens\n\[user\]\nWhat\?\n\[attached\] .*a\.png \(image\/png, \d+ bytes\)/,
  )
  const server = await jsonServer<{ messages: { content: unknown[] }[] }>(() => ({
    body: answers["/v1/chat/completions"],
  }))
  const model = ["-m", "openai-compatible:x", "--base-url", `${server.url}/v1`]
  const args = [
    "run",
    at("images"),
    "-p",
    "What?",
    ...model,
    "--attach",
    at("images/{{name}}"),
    "--where",
    "name != b.pdf",
  ]
  expect(await sluice(["plan", ...args.slice(1)])).toMatchObject({ code: 0, stderr: "" })
  expect(await sluice([...args, "-q", "-o", out])).toMatchObject({ code: 0, stderr: "" })
  expect(server.heard.map(({ messages }) => messages[0]?.content.length)).toEqual([2, 2])
  expect(linesOf(out).map(({ input }) => (input as { name: string }).name)).toEqual(["a.png", "c.wav"])
})
