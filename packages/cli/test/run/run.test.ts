import { readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { startVendor, type VendorServer } from "@sluice/lab"
import { expect, onTestFinished, test } from "vitest"
import { linesOf, sluice, temporaryFolder } from "../command/sluice.ts"

async function vendorWith(options: Parameters<typeof startVendor>[0] = {}): Promise<VendorServer> {
  const vendor = await startVendor({ latency: { baseMs: 0, perOutputTokenMs: 0 }, answer: "echo", ...options })
  onTestFinished(() => vendor.stop())
  return vendor
}

/** A folder with `in.jsonl` of `count` inputs, and the arguments of a run over it. */
function setUp(count: number, vendor?: VendorServer): { folder: string; input: string; out: string; args: string[] } {
  const folder = temporaryFolder()
  const input = join(folder, "in.jsonl")
  const out = join(folder, "out.jsonl")
  writeInputs(input, count)
  const model = vendor ? ["-m", "openai-compatible:x", "--base-url", `${vendor.url}/v1`] : ["-m", "noop:"]
  return { folder, input, out, args: ["run", input, "-p", "Say {{text}}", ...model, "-o", out, "-q"] }
}

function writeInputs(path: string, count: number): void {
  writeFileSync(
    path,
    Array.from({ length: count }, (_, id) => `${JSON.stringify({ id, text: `word ${id}` })}\n`).join(""),
  )
}

test("every input comes back once, in input order, from a vendor; the same command again asks nothing", async () => {
  const vendor = await vendorWith()
  const { args, out } = setUp(30, vendor)
  expect(await sluice(args)).toEqual({ code: 0, stdout: "", stderr: "" })
  const lines = linesOf(out)
  expect(lines.map(({ index }) => index)).toEqual(Array.from({ length: 30 }, (_, index) => index))
  expect(lines[7]).toEqual({
    index: 7,
    input: { id: 7, text: "word 7" },
    output: expect.stringContaining("word 7") as string,
  })
  expect(vendor.stats().arrived).toBe(30)
  const before = readFileSync(out)
  expect((await sluice(args)).code).toBe(0)
  expect(vendor.stats().arrived).toBe(30)
  expect(readFileSync(out).equals(before)).toBe(true)
  expect((statSync(`${out}.journal`).mode & 0o777).toString(8)).toBe("600")
})

test("new lines run, changed ones run again, and the results are those of the input as it is", async () => {
  const vendor = await vendorWith()
  const { args, input, out } = setUp(5, vendor)
  await sluice(args)
  writeInputs(input, 8)
  writeFileSync(input, readFileSync(input, "utf8").replace('"word 2"', '"changed"'))
  await sluice(args)
  expect(vendor.stats().arrived).toBe(5 + 3 + 1)
  expect(linesOf(out).map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  expect(linesOf(out)[2]).toMatchObject({ output: expect.stringContaining("changed") as string })
  writeInputs(input, 4)
  await sluice(args)
  expect(linesOf(out).map(({ index }) => index)).toEqual([0, 1, 2, 3])
})

test("with --key, results follow their inputs when lines move", async () => {
  const vendor = await vendorWith()
  const { args, input, out } = setUp(6, vendor)
  await sluice([...args, "--key", "id"])
  const lines = readFileSync(input, "utf8").trimEnd().split("\n")
  writeFileSync(input, `{"id":"new","text":"first"}\n${lines.toReversed().join("\n")}\n`)
  await sluice([...args, "--key", "id"])
  expect(vendor.stats().arrived).toBe(7)
  expect(linesOf(out).map(({ input: one }) => (one as { id: unknown }).id)).toEqual(["new", 5, 4, 3, 2, 1, 0])
})

test("another question needs another --out, or --accept-changes", async () => {
  const vendor = await vendorWith()
  const { args, out } = setUp(3, vendor)
  await sluice(args)
  const changed = args.map((arg) => (arg === "Say {{text}}" ? "Sing {{text}}" : arg))
  const refused = await sluice(changed)
  expect(refused.code).toBe(2)
  expect(refused.stderr).toContain("holds answers to another question")
  expect((await sluice([...changed, "--accept-changes"])).code).toBe(0)
  expect(vendor.stats().arrived).toBe(6)
  expect(linesOf(out)).toHaveLength(3)
})

test("failed items are in the file beside, with every attempt; --retry-failed tries them again, in their place", async () => {
  const failing = new Set(["word 1", "word 3"])
  let calls = 0
  const vendor = await vendorWith({
    answer: ({ messages }) => {
      calls++
      const prompt = messages.map(({ text }) => text).join()
      for (const word of failing) if (prompt.includes(word)) return "not json"
      return '{"word":"ok"}'
    },
  })
  const { args, out, folder } = setUp(5, vendor)
  const schema = join(folder, "schema.json")
  writeFileSync(
    schema,
    '{"type":"object","properties":{"word":{"type":"string"}},"required":["word"],"additionalProperties":false}',
  )
  const asking = [...args, "--schema", schema, "--attempts", "2"]
  const first = await sluice(asking)
  expect(first.code).toBe(1)
  expect(calls).toBe(3 + 2 * 2)
  expect(linesOf(out).map(({ index }) => index)).toEqual([0, 2, 4])
  expect(linesOf(out)[0]).toMatchObject({ output: { word: "ok" } })
  expect(linesOf(`${out}.failed.jsonl`)).toMatchObject([
    { index: 1, attempts: 2, error: { name: "AnswerFailure", code: "answer-invalid", errors: [{}, {}] } },
    { index: 3, attempts: 2 },
  ])
  expect((await sluice(asking)).code).toBe(1)
  expect(calls).toBe(7)
  failing.delete("word 1")
  expect((await sluice([...asking, "--retry-failed"])).code).toBe(1)
  expect(linesOf(out).map(({ index }) => index)).toEqual([0, 1, 2, 4])
  expect(linesOf(`${out}.failed.jsonl`).map(({ index }) => index)).toEqual([3])
  failing.clear()
  expect((await sluice([...asking, "--retry-failed"])).code).toBe(0)
  expect(linesOf(out).map(({ index }) => index)).toEqual([0, 1, 2, 3, 4])
  expect(linesOf(`${out}.failed.jsonl`)).toEqual([])
})

test("an unpaid bill ends the run with one call and exit code 3; nothing counts as failed", async () => {
  const vendor = await vendorWith({ faults: { rates: { billing: 1 } } })
  const { args, out } = setUp(40, vendor)
  const { code } = await sluice(args)
  expect([code, vendor.stats().arrived]).toEqual([3, 1])
  expect(linesOf(out)).toEqual([])
  expect(linesOf(`${out}.failed.jsonl`)).toEqual([])
})

test("a budget ends the run with exit code 3, and the same command with a larger one goes on", async () => {
  const vendor = await vendorWith()
  const { args, out, folder } = setUp(20, vendor)
  const config = join(folder, "sluice.config.json")
  writeFileSync(config, JSON.stringify({ prices: { x: { input: 1_000, output: 1_000 } } }))
  const { code, stderr } = await sluice([
    ...args.filter((arg) => arg !== "-q"),
    "--config",
    config,
    "--budget-usd",
    "0.1",
    "--max-output-tokens",
    "5",
  ])
  expect(code).toBe(3)
  const done = linesOf(out).length
  expect(stderr).toMatch(
    new RegExp(
      `Stopped: --budget-usd of \\$0\\.1000: \\$[\\d.]+ spent, \\$[\\d.]+ left, and the next call may cost \\$[\\d.]+\\. It was not sent\\. .* ${done} ok, 0 failed\\. ${20 - done} items are open\\.`,
    ),
  )
  expect(stderr).not.toContain("budgetUsd")
  expect((await sluice(["inspect", out])).stdout).toContain(`: stopped: budget, ${done} ok, 0 failed\n`)
  expect((await sluice(["runs", `${out}.journal`])).stdout).toContain("stopped: budget")
  expect(JSON.parse((await sluice(["runs", `${out}.journal`, "--json"])).stdout)).toMatchObject({
    status: "failed",
    stopped: "budget",
  })
  expect(done).toBeLessThan(20)
  expect((await sluice([...args, "--config", config, "--max-output-tokens", "5"])).code).toBe(0)
  expect(linesOf(out)).toHaveLength(20)
  expect((await sluice(["inspect", out])).stdout).toContain(": ok, 20 ok, 0 failed\n")
})

test("a budget that one call exceeds ends the run with exit code 3: nothing is sent, nothing counts as failed", async () => {
  const vendor = await vendorWith()
  const { args, out, folder } = setUp(20, vendor)
  const config = join(folder, "sluice.config.json")
  writeFileSync(config, JSON.stringify({ prices: { x: { input: 1_000, output: 1_000 } } }))
  const asking = args.filter((arg) => arg !== "-q")
  const { code, stderr } = await sluice([...asking, "--config", config, "--budget-usd", "0.0012"])
  expect(code).toBe(3)
  expect(stderr).toMatch(/Stopped: one call may cost \$\d+\.\d*, and the whole budget is \$0\.0012\. It was not sent\./)
  expect([vendor.stats().arrived, linesOf(`${out}.failed.jsonl`)]).toEqual([0, []])
})

test.each([
  ["lab:gpt-5-mini", 3],
  ["lab:any", 0],
  ["noop:", 0],
])("a budget of next to nothing with %s: as docs/cli.md says, exit code %i", async (model, code) => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.jsonl"), '{"text":"a"}\n')
  const args = ["run", join(folder, "in.jsonl"), "-p", "{{text}}", "-m", model, "-o", join(folder, "out.jsonl"), "-q"]
  expect((await sluice([...args, "--budget-usd", "0.000001"])).code).toBe(code)
})

test("the first Ctrl-C finishes what is in flight, and the same command goes on", async () => {
  const vendor = await vendorWith({ latency: { baseMs: 30, perOutputTokenMs: 0 } })
  const { args, out } = setUp(60, vendor)
  const interrupts = new Set<() => void>()
  const running = sluice([...args, "--concurrency", "5"], { interrupts })
  while (vendor.stats().arrived < 8) await new Promise(setImmediate)
  for (const listener of interrupts) listener()
  expect((await running).code).toBe(130)
  const answered = vendor.stats().arrived
  expect(answered).toBeLessThan(60)
  expect(linesOf(out)).toHaveLength(answered)
  expect((await sluice(args)).code).toBe(0)
  expect(vendor.stats().arrived).toBe(60)
  expect(linesOf(out)).toHaveLength(60)
})

test("the second Ctrl-C stops now", async () => {
  const vendor = await vendorWith({ latency: { baseMs: 3_600_000, perOutputTokenMs: 0 } })
  const { args, out } = setUp(3, vendor)
  const interrupts = new Set<() => void>()
  const running = sluice(args, { interrupts })
  while (vendor.stats().arrived < 1) await new Promise(setImmediate)
  for (const listener of interrupts) listener()
  for (const listener of interrupts) listener()
  expect((await running).code).toBe(130)
  expect(linesOf(out)).toEqual([])
})

test("inputs of every kind: CSV with a BOM and quotes, TSV, lines, files of a glob, standard input", async () => {
  const folder = temporaryFolder()
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const csv = write("a.csv", '\uFEFFtext,n\n"one, two",1\n"li\nne",2\n')
  const tsv = write("b.tsv", "text\tn\nthree\t3\n")
  const lines = write("c.txt", "four\r\n\nfive\n")
  const strings = write("d.jsonl", '"six"\n')
  write("e.md", "# seven\n")
  const { code, stdout } = await sluice(
    [
      "run",
      csv,
      tsv,
      lines,
      strings,
      join(folder, "*.md"),
      "-",
      "-m",
      "noop:",
      "-p",
      "{{text}}",
      "-q",
      "--fields",
      "index,text",
      "--format",
      "jsonl",
    ].filter((arg) => arg !== "--format" && arg !== "jsonl"),
    { stdin: '{"text":"eight"}' },
  )
  expect(code).toBe(0)
  const texts = stdout
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { text: string }).text)
  expect(texts).toEqual(["one, two", "li\nne", "three", "four", "five", "six", "# seven\n", "eight"])
})

test("--as-completed: one line per item in whatever order, also after a resume", async () => {
  const { args, input, out } = setUp(10)
  await sluice([...args, "--as-completed"])
  writeInputs(input, 20)
  await sluice([...args, "--as-completed"])
  expect(
    linesOf(out)
      .map(({ index }) => Number(index))
      .toSorted((a, b) => a - b),
  ).toEqual(Array.from({ length: 20 }, (_, index) => index))
})

test("half a line that a kill left, lines that were lost, a file that was deleted: the results are whole after the next run", async () => {
  const { args, out } = setUp(10)
  await sluice(args)
  const whole = readFileSync(out, "utf8")
  for (const damaged of [`${whole}{"index":1`, whole.slice(0, 100), ""]) {
    writeFileSync(out, damaged)
    expect((await sluice(args)).code).toBe(0)
    expect(readFileSync(out, "utf8")).toBe(whole)
  }
})

test("keys reach neither journal, nor output, nor display, also when a vendor echoes them", async () => {
  const key = "my-very-secret-key-0123456789"
  const vendor = await vendorWith({ answer: { text: `your key is ${key}` } })
  const { args, out } = setUp(2, vendor)
  const { stderr, stdout } = await sluice([...args.filter((arg) => arg !== "-q"), "--json"], {
    env: { SLUICE_API_KEY: key },
  })
  const all = [stderr, stdout, ...[out, `${out}.journal`].map((path) => readFileSync(path, "latin1"))].join("")
  expect(all).toContain("your key is [redacted]")
  expect(all).not.toContain(key)
})

test("--cache: identical requests are one call, also in another run of the journal", async () => {
  const vendor = await vendorWith()
  const { args, folder } = setUp(4, vendor)
  const same = args.map((arg) => (arg === "Say {{text}}" ? "Say hi" : arg))
  const journal = ["--cache", "--journal", join(folder, "j")]
  await sluice([...same, ...journal])
  expect(vendor.stats().arrived).toBe(1)
  await sluice([...same.map((arg) => (arg.endsWith("out.jsonl") ? join(folder, "other.jsonl") : arg)), ...journal])
  expect(vendor.stats().arrived).toBe(1)
  expect(linesOf(join(folder, "other.jsonl"))).toHaveLength(4)
})

test("system prompt, messages, params and nested fields arrive as they were written", async () => {
  const seen: string[] = []
  const vendor = await vendorWith({
    answer: ({ messages }) => {
      seen.push(...messages.map(({ text }) => text))
      return "ok"
    },
  })
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.jsonl"), '{"who":{"name":"Ada"},"n":[1,2]}\n')
  writeFileSync(
    join(folder, "m.json"),
    '[{"role":"user","content":"Hello {{who.name}}"},{"role":"assistant","content":"Yes?"}]',
  )
  const { code } = await sluice([
    "run",
    join(folder, "in.jsonl"),
    "-m",
    "openai-compatible:x",
    "--base-url",
    `${vendor.url}/v1`,
    "-q",
    "-s",
    "Be {{mood}}",
    "--param",
    "mood=kind=er",
    "--messages",
    join(folder, "m.json"),
    "-p",
    "List {{ n }}",
  ])
  expect(code).toBe(0)
  for (const text of ["Be kind=er", "Hello Ada", "Yes?", "List [1,2]"]) expect(seen.join()).toContain(text)
})

test.each([
  ["openai:gpt-5-mini", "/v1", "OPENAI_API_KEY"],
  ["anthropic:claude-haiku-4-5", "/v1", "ANTHROPIC_API_KEY"],
  ["google:gemini-2.5-flash", "/v1beta", "GOOGLE_GENERATIVE_AI_API_KEY"],
])("%s by its own SDK, with the key of the environment", async (model, path, name) => {
  const vendor = await vendorWith({ apiKeys: ["key-of-a-test"] })
  const { args, out } = setUp(3)
  const asking = [...args.map((arg) => (arg === "noop:" ? model : arg)), "--base-url", `${vendor.url}${path}`]
  expect(await sluice(asking, { env: { [name]: "key-of-a-test" } })).toEqual({ code: 0, stdout: "", stderr: "" })
  for (const { output, index } of linesOf(out)) expect(output).toContain(`word ${String(index)}`)
  expect(vendor.stats()).toMatchObject({ arrived: 3, answered: 3 })
})

test("prompt and system prompt from files", async () => {
  const seen: string[] = []
  const vendor = await vendorWith({
    answer: ({ messages }) => {
      seen.push(messages.map(({ text }) => text).join("|"))
      return "ok"
    },
  })
  const { args, folder } = setUp(1, vendor)
  writeFileSync(join(folder, "p.txt"), "Sing {{text}}")
  writeFileSync(join(folder, "s.txt"), "You are {{id}}")
  const files = ["--prompt-file", join(folder, "p.txt"), "--system-file", join(folder, "s.txt")]
  expect((await sluice([...args.filter((arg) => arg !== "-p" && arg !== "Say {{text}}"), ...files])).code).toBe(0)
  expect(seen).toEqual(["You are 0|Sing word 0"])
})
