import { existsSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { ended, linesOf, sluice, startSluice, temporaryFolder } from "./sluice.ts"
import { type Said, speakingVendor } from "./speaking-vendor.ts"

async function setUp(count: number, say: (text: string, call: number) => Said) {
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
  const { args, out } = await setUp(3, () => "fine")
  expect((await sluice([...args, "--concurrency", "3"])).code).toBe(0)
  expect(linesOf(out)).toHaveLength(3)
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
