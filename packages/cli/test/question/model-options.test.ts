import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { startVendor } from "@sluice/lab"
import { expect, onTestFinished, test } from "vitest"
import { withRequestOptions } from "../../src/model/request-options.ts"
import { ended, linesOf, sluice, startSluice, temporaryFolder } from "../command/sluice.ts"
import { jsonServer, speakingVendor } from "../command/speaking-vendor.ts"

const settings = ["--top-p", "0.9", "--model-seed", "7", "--stop", "END", "--stop", "\n\n", "--reasoning-effort", "low"]

async function setUp() {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.txt"), "one\ntwo\n")
  const vendor = await speakingVendor(() => "fine")
  const out = join(folder, "out.jsonl")
  return { ...vendor, folder, out, args: ["run", join(folder, "in.txt"), "-p", "{{text}}", ...vendor.args, "-o", out] }
}

test("settings and the vendor's own options reach the vendor; another one is another question", async () => {
  const { args, heard, out } = await setUp()
  const options = ["--option", "top_k=40", "--option", 'provider={"sort":"price"}', "--option", "user=me"]
  expect((await sluice([...args, ...settings, ...options, "-q"])).code).toBe(0)
  expect(heard).toHaveLength(2)
  expect(heard[0]).toMatchObject({
    model: "x",
    top_p: 0.9,
    seed: 7,
    stop: ["END", "\n\n"],
    reasoning_effort: "low",
    top_k: 40,
    provider: { sort: "price" },
    user: "me",
  })
  // The same command asks nothing; another option is refused, and asks everything again where that is meant.
  expect((await sluice([...args, ...settings, ...options, "-q"])).code).toBe(0)
  const changed = [...args, ...settings, "--option", "top_k=41", "-q"]
  const refused = await sluice(changed)
  expect([refused.code, heard.length]).toEqual([2, 2])
  expect(refused.stderr).toContain("holds answers to another question: the options changed")
  expect((await sluice([...changed, "--accept-changes"])).code).toBe(0)
  expect([heard.length, linesOf(out).length]).toEqual([4, 2])
})

test("temperature and the length of an answer reach each vendor in its own words", async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.txt"), "one\n")
  const server = await jsonServer<Record<string, unknown>>(() => ({
    status: 400,
    body: { error: { message: "heard" } },
  }))
  const env = {
    OPENAI_API_KEY: "sk-a-0000001",
    ANTHROPIC_API_KEY: "sk-b-0000002",
    GOOGLE_GENERATIVE_AI_API_KEY: "sk-c-0000003",
  }
  const said = ["--temperature", "0.25", "--max-output-tokens", "77", "--stop", "END", "--top-p", "0.5"]
  for (const model of [
    "openai-compatible:x",
    "openai:gpt-4o",
    "anthropic:claude-haiku-4-5",
    "google:gemini-2.5-flash",
  ]) {
    const args = ["run", join(folder, "in.txt"), "-p", "{{text}}", "-m", model, "--base-url", server.url]
    await sluice([...args, ...said, "-o", join(folder, model.replace(":", "-")), "-q"], { env })
  }
  const [compatible, openai, anthropic, google] = server.heard
  expect(compatible).toMatchObject({ temperature: 0.25, max_tokens: 77, stop: ["END"], top_p: 0.5 })
  expect(openai).toMatchObject({ temperature: 0.25, max_output_tokens: 77, top_p: 0.5 })
  // Anthropic takes one of the two.
  expect(anthropic).toMatchObject({ temperature: 0.25, max_tokens: 77, stop_sequences: ["END"] })
  expect(google).toMatchObject({
    generationConfig: { temperature: 0.25, maxOutputTokens: 77, stopSequences: ["END"], topP: 0.5 },
  })
})

test("no tools are sent unless an option turns the vendor's own on; a call of one that nobody runs says so", async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.txt"), "one\n")
  const out = join(folder, "out.jsonl")
  const call = { id: "c1", type: "function", function: { name: "look_up", arguments: "{}" } }
  const { heard, args: model } = await speakingVendor(({ messages }) =>
    messages.length > 1
      ? "never"
      : { choice: { finish_reason: "tool_calls", message: { role: "assistant", content: null, tool_calls: [call] } } },
  )
  const args = ["run", join(folder, "in.txt"), "-p", "{{text}}", ...model, "-o", out, "-q"]
  expect(
    (await sluice([...args, "--option", 'tools=[{"type":"web_search"}]', "--option", "tool_choice=auto"])).code,
  ).toBe(1)
  expect(heard[0]).toMatchObject({ tools: [{ type: "web_search" }], tool_choice: "auto" })
  expect(linesOf(`${out}.failed.jsonl`)[0]).toMatchObject({
    error: {
      code: "answer-empty",
      message: expect.stringContaining("called the tool look_up, which nobody runs here") as string,
    },
  })
  await sluice([...args.toSpliced(-2, 1, `${out}2`), "-q"])
  expect(heard[1]).not.toHaveProperty("tools")
})

test("an option goes into an object that is there already, beside what it holds", async () => {
  const bodies: string[] = []
  const fetch = withRequestOptions(
    async (_input, init) => {
      bodies.push(init?.body as string)
      return new Response("{}")
    },
    { generationConfig: { topK: 5 }, safetySettings: [] },
  )
  await fetch("http://127.0.0.1:9", { method: "POST", body: '{"contents":[],"generationConfig":{"temperature":0.5}}' })
  expect(JSON.parse(bodies[0]!)).toEqual({
    contents: [],
    generationConfig: { temperature: 0.5, topK: 5 },
    safetySettings: [],
  })
})

test("settings that the model does not take are one warning each", async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.txt"), "one\ntwo\nthree\n")
  const vendor = await startVendor({ latency: { baseMs: 0, perOutputTokenMs: 0 } })
  onTestFinished(() => vendor.stop())
  const args = [
    "run",
    "in.txt",
    "-p",
    "{{text}}",
    "-m",
    "openai:gpt-5-mini",
    "--base-url",
    `${vendor.url}/v1`,
    "-o",
    "o",
  ]
  const env = { OPENAI_API_KEY: "sk-none-of-yours-0001" }
  const { code, stderr } = await ended(startSluice([...args, ...settings, "--json"], folder, { env }))
  expect(code).toBe(0)
  const told = stderr.split("\n").filter((line) => line.includes('"setting-ignored"'))
  for (const name of ["--top-p", "--model-seed", "--stop"])
    expect(told.filter((line) => line.includes(`does not take ${name}`))).toHaveLength(1)
})

test("keys come from .env beside the configuration, nothing else does, and none is told", async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.txt"), "one\n")
  const vendor = await startVendor({ latency: { baseMs: 0, perOutputTokenMs: 0 }, apiKeys: ["sk-from-the-file-1"] })
  onTestFinished(() => vendor.stop())
  const fileWith = (key: string): void =>
    writeFileSync(
      join(folder, ".env"),
      `# mine\nexport OPENAI_API_KEY="${key}"\nOPENAI_BASE_URL=http://127.0.0.1:9\nNO_COLOR=1\n`,
    )
  writeFileSync(join(folder, "c.json"), JSON.stringify({ model: "openai:gpt-5-mini" }))
  const args = ["run", join(folder, "in.txt"), "-p", "{{text}}", "--base-url", `${vendor.url}/v1`]
  const config = ["--config", join(folder, "c.json")]
  fileWith("sk-from-the-file-1")
  expect((await sluice([...args, ...config, "-q"])).code).toBe(0)
  // The environment goes before it.
  const refused = await sluice([...args, ...config], { env: { OPENAI_API_KEY: "sk-of-the-environment-2" } })
  expect(refused.code).not.toBe(0)
  fileWith("sk-another-one-in-the-file-3")
  const other = await sluice([...args, ...config])
  expect(other.code).not.toBe(0)
  expect(other.stderr + other.stdout).not.toContain("sk-another-one-in-the-file-3")
})

test.each([
  ["--option", "model=other", "no field that the command says itself"],
  ["--option", "nothing", "Wanted name=value"],
  ["--top-p", "2", "Wanted a number from 0 to 1"],
  ["--model-seed", "1.5", "Wanted a whole number"],
  ["--reasoning-effort", "much", "Allowed choices are none, minimal, low, medium, high, xhigh"],
])("%s %s is refused", async (option, value, message) => {
  const { code, stderr } = await sluice(["run", "in.txt", "-p", "a", "-m", "noop:", option, value])
  expect([code, stderr.includes(message)]).toEqual([2, true])
})
