import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { linesOf, sluice, temporaryFolder } from "../command/sluice.ts"
import { jsonServer } from "../command/speaking-vendor.ts"

interface Sent extends Readonly<Record<string, unknown>> {
  readonly messages: readonly { readonly role: string; readonly content: string }[]
}

async function setUp(prompt: string) {
  const server = await jsonServer<Sent>(({ messages }) => ({
    body: { choices: [{ finish_reason: "stop", message: { content: messages.at(-1)?.content } }] },
  }))
  const folder = join(temporaryFolder(), "prompts")
  mkdirSync(folder)
  const [file, out] = [join(folder, "prompt.md"), join(folder, "out.jsonl")]
  writeFileSync(join(folder, "in.jsonl"), '{"text":"a"}\n')
  writeFileSync(file, prompt)
  const args = [
    "run",
    join(folder, "in.jsonl"),
    "--prompt-file",
    file,
    "--base-url",
    `${server.url}/v1`,
    "-q",
    "-o",
    out,
  ]
  const run = (...more: string[]) => sluice([...args, ...more])
  return { run, heard: server.heard, folder, file, out }
}

const whole = `---
# for the reviews
model: openai-compatible:from-the-file
system: "You are {{role}}."
temperature: 0.5
max-output-tokens: 100
stop: [END, "---"]
reasoning-effort: low
param: { role: kind }
option:
  top_k: 40
  provider: { sort: price }
---
Say {{text}}
---
`

test("model and options stand before the prompt; those of the command line go before them", async () => {
  const { run, heard, out } = await setUp(whole)
  expect(await run()).toMatchObject({ code: 0, stderr: "" })
  expect(heard[0]).toEqual({
    model: "from-the-file",
    messages: [
      { role: "system", content: "You are kind." },
      { role: "user", content: "Say a\n---\n" },
    ],
    temperature: 0.5,
    max_tokens: 100,
    stop: ["END", "---"],
    reasoning_effort: "low",
    top_k: 40,
    provider: { sort: "price" },
  })
  // What a flag says as the file does is the same question.
  expect((await run("--temperature", "0.5")).code).toBe(0)
  expect(heard).toHaveLength(1)
  const flags = ["-m", "openai-compatible:other", "--temperature", "0", "--param", "role=short", "--option", "top_k=1"]
  expect((await run(...flags, "--accept-changes")).code).toBe(0)
  expect(heard[1]).toMatchObject({ model: "other", temperature: 0, top_k: 1, provider: { sort: "price" } })
  expect(heard[1]?.messages[0]?.content).toBe("You are short.")
  expect(linesOf(out)[0]).toMatchObject({ output: "Say a\n---\n" })
})

test("--show prints the prompt without it, and needs no model", async () => {
  const { run } = await setUp(whole)
  const { code, stdout } = await run("--show", "1")
  expect([code, stdout]).toEqual([0, expect.stringContaining("[system]\nYou are kind.\n[user]\nSay a\n---\n")])
})

test("a text between lines of dashes is a prompt like any other", async () => {
  const { run, heard } = await setUp("---\nRead this text.\n---\n{{text}}\n")
  expect((await run("-m", "openai-compatible:x")).code).toBe(0)
  expect(heard[0]?.messages).toEqual([{ role: "user", content: "---\nRead this text.\n---\na\n" }])
})

test.each([
  ["temprature: 0", /front matter: unknown option "temprature".*Did you mean --temperature\?.*It may say: model, /],
  ["temperature: hot", /front matter: .*temperature.* Wanted a number from 0 to 2/],
  ["reasoning-effort: lots", /front matter: .*reasoning-effort.*Allowed choices are none, minimal/],
  ["base-url: http://evil.test", /front matter: unknown option "base-url"/],
  ["attach: /etc/passwd", /front matter: unknown option "attach"/],
  ["assert: ./code.js", /front matter: unknown option "assert"/],
  ["schema: ../schema.json", /front matter: schema: wanted a file in the folder of the prompt, got \.\.\/schema\.json/],
  ["schema: /etc/schema.json", /front matter: schema: wanted a file in the folder/],
  ["a: [", /front matter is not YAML/],
  ["stop: &all [*all]", /front matter is nested more than 256 deep, or holds itself/],
  ["param: &all { a: *all }", /front matter is nested more than 256 deep, or holds itself/],
])("%s is refused before anything is asked", async (matter, message) => {
  const { run, heard, folder } = await setUp(`---\n${matter}\n---\n{{text}}`)
  writeFileSync(join(folder, "../schema.json"), "{}")
  const { code, stderr } = await run("-m", "openai-compatible:x")
  expect(stderr).toMatch(message)
  expect([code, heard]).toEqual([2, []])
})

test("a schema is looked for beside the prompt", async () => {
  const { run, heard, folder } = await setUp("---\nschema: answer.json\n---\n{{text}}")
  writeFileSync(join(folder, "answer.json"), '{"type":"object"}')
  await run("-m", "openai-compatible:x", "--attempts", "1")
  expect(heard[0]).toMatchObject({ response_format: { json_schema: { schema: { type: "object" } } } })
})
