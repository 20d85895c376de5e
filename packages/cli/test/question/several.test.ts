import { appendFileSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, onTestFinished, test, vi } from "vitest"
import { startVendor } from "@sluice/lab"
import { renderComparison } from "../../src/variants/render-comparison.ts"
import { ended, fastProgram, linesOf, sluice, startSluice, temporaryFolder } from "../command/sluice.ts"
import { jsonServer, speakingVendor } from "../command/speaking-vendor.ts"

vi.setConfig({ testTimeout: 60_000 })

interface Body {
  readonly model: string
  readonly messages: readonly { readonly role: string; readonly content: string }[]
}

/** A server that answers with the model's name and the prompt; of `big` another answer to the second word, and a cut one. */
async function setUp() {
  const folder = temporaryFolder()
  writeFileSync(
    join(folder, "in.jsonl"),
    '{"id":"x","text":"one"}\n{"id":"y","text":"two"}\n{"id":"z","text":"three"}\n',
  )
  const server = await jsonServer<Body>(({ model, messages }) => {
    const prompt = messages.at(-1)?.content ?? ""
    if (model === "broken") return { status: 400, body: { error: { message: "no such thing", type: "invalid" } } }
    const isOther = model === "big" && prompt.includes("two")
    const cut = model === "big" && prompt.includes("three")
    return {
      body: {
        id: "1",
        object: "chat.completion",
        created: 1,
        model,
        choices: [
          {
            index: 0,
            finish_reason: cut ? "length" : "stop",
            message: { role: "assistant", content: isOther ? "otherwise" : `said ${prompt}` },
          },
        ],
        usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
      },
    }
  })
  const out = join(folder, "out.jsonl")
  const config = join(folder, "c.json")
  const prices = { small: { input: 1, output: 10 }, big: { input: 10, output: 100 } }
  const models = { small: "openai-compatible:small", big: "openai-compatible:big", broken: "openai-compatible:broken" }
  writeFileSync(config, JSON.stringify({ models, prices }))
  const base = ["--base-url", `${server.url}/v1`, "--config", config, "-o", out]
  const args = ["run", join(folder, "in.jsonl"), ...base]
  const asked = (model: string): string[] =>
    server.heard.flatMap((body) => (body.model === model ? [body.messages.at(-1)?.content ?? ""] : []))
  return { ...server, folder, out, args, asked }
}

const both = ["-p", "{{text}}", "-m", "small", "-m", "big"]

test("two models in one run: a column for each, a table at the end, and the same command asks nothing", async () => {
  const { args, out, heard, asked } = await setUp()
  const run = await sluice([...args, ...both])
  // One answer was cut: it failed, and its column is empty.
  expect(run.code).toBe(1)
  expect(linesOf(out)).toEqual([
    { index: 0, input: { id: "x", text: "one" }, output: { small: "said one", big: "said one" } },
    { index: 1, input: { id: "y", text: "two" }, output: { small: "said two", big: "otherwise" } },
    { index: 2, input: { id: "z", text: "three" }, output: { small: "said three", big: null } },
  ])
  const [failure] = linesOf(`${out}.failed.jsonl`)
  expect(failure).toMatchObject({ index: 2, column: "big", output: "said three", error: { code: "answer-truncated" } })
  const table = run.stderr.replaceAll(/ +/g, " ")
  expect(table).toContain("│ │ ok │ failed │ cut │ as the first │ cost │ median latency │")
  expect(table).toMatch(/│ small │ 3 │ 0 │ 0 │ │ \$0\.0002 │ \d+ ms │/)
  expect(table).toMatch(/│ big │ 2 │ 1 │ 1 │ 50% │ \$0\.0018 │ \d+ ms │/)
  expect(table).toContain("1 of 2 inputs got the same answer from all.")
  expect([asked("small"), asked("big")].map((prompts) => prompts.toSorted())).toEqual([
    ["one", "three", "two"],
    ["one", "three", "two"],
  ])
  const before = readFileSync(out, "utf8")
  expect((await sluice([...args, ...both, "-q"])).code).toBe(1)
  expect([heard.length, readFileSync(out, "utf8")]).toEqual([6, before])
  // Only the failed one again, which is taken as it comes now.
  await sluice([...args, ...both, "--retry-failed", "--accept-truncated", "-q"])
  expect([heard.length, asked("big")].flat()).toEqual([7, ...asked("big").slice(0, 3), "three"])
  expect(linesOf(out)[2]).toMatchObject({
    output: { small: "said three", big: "said three" },
    finishReason: { small: "stop", big: "length" },
  })
})

test("fields of the answer are columns, those of the input stand once; --json tells the comparison", async () => {
  const { args, out } = await setUp()
  const fields = ["--fields", "id,key,output,usd,model", "--key", "id", "--limit", "1"]
  const { stderr } = await sluice([...args, ...both, ...fields, "--json"])
  expect(linesOf(out)).toEqual([
    {
      id: "x",
      key: "x",
      output: { small: "said one", big: "said one" },
      usd: { small: 0.00006, big: 0.0006 },
      model: { small: "small", big: "big" },
    },
  ])
  const told = stderr.split("\n").flatMap((line) => (line.includes('"comparison"') ? [JSON.parse(line) as object] : []))
  expect(told).toMatchObject([
    {
      inputs: 1,
      agreed: 1,
      columns: [
        { column: "small", ok: 1 },
        { column: "big", agreement: 1 },
      ],
    },
  ])
})

test("another column asks for itself alone; one that is left out keeps its answers", async () => {
  const { args, out, asked, heard } = await setUp()
  const one = [...args, "-p", "{{text}}", "-m", "small", "-q"]
  expect((await sluice(one)).code).toBe(0)
  expect(linesOf(out)[0]).toMatchObject({ output: "said one" })
  await sluice([...args, ...both, "-q"])
  expect([asked("small").length, asked("big").length]).toEqual([3, 3])
  expect(linesOf(out)[0]).toMatchObject({ output: { small: "said one", big: "said one" } })
  // The second alone, the first alone, both the other way round: all is there.
  await sluice([...args, "-p", "{{text}}", "-m", "big", "-q"])
  expect(linesOf(out).map(({ output }) => output)).toEqual(["said one", "otherwise"])
  expect((await sluice(one)).code).toBe(0)
  expect(linesOf(out)).toHaveLength(3)
  await sluice([...args, "-p", "{{text}}", "-m", "big", "-m", "small", "-q"])
  expect(linesOf(out)[1]).toMatchObject({ output: { big: "otherwise", small: "said two" } })
  expect(heard).toHaveLength(6)
  // Another question under a name that has answers is refused, and asks all of its column again where that is meant.
  const changed = [...args, ...both, "--temperature", "0.5"]
  const refused = await sluice(changed)
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("the settings changed")])
  expect(heard).toHaveLength(6)
  await sluice([...changed, "--accept-changes", "-q"])
  expect(heard).toHaveLength(12)
})

test("an input that is put in at the top is all that is asked, in each column", async () => {
  const { args, out, folder, heard } = await setUp()
  await sluice([...args, ...both, "-q"])
  const file = join(folder, "in.jsonl")
  writeFileSync(file, `{"id":"w","text":"zero"}\n${readFileSync(file, "utf8")}`)
  await sluice([...args, ...both, "-q"])
  expect(
    heard
      .slice(6)
      .map(({ model, messages }) => `${model} ${messages[0]?.content}`)
      .toSorted(),
  ).toEqual(["big zero", "small zero"])
  expect(linesOf(out).map(({ output }) => output)).toEqual([
    { small: "said zero", big: "said zero" },
    { small: "said one", big: "said one" },
    { small: "said two", big: "otherwise" },
    { small: "said three", big: null },
  ])
})

test("two prompt files, and each model with each prompt", async () => {
  const { args, folder, out, heard } = await setUp()
  const files = ["short.txt", "long.txt"].map((name) => join(folder, name))
  writeFileSync(files[0]!, "Say {{text}}")
  writeFileSync(files[1]!, "Please say {{text}}")
  expect((await sluice([...args, "--prompt-file", ...files, "-m", "small", "-q"])).code).toBe(0)
  expect(linesOf(out)[0]).toMatchObject({ output: { "short.txt": "said Say one", "long.txt": "said Please say one" } })
  const crossed = [...args, "--prompt-file", ...files, "-m", "small", "-m", "big", "-o", `${out}2`, "--limit", "1"]
  expect((await sluice([...crossed, "-q"])).code).toBe(0)
  expect(Object.keys(linesOf(`${out}2`)[0]!["output"] as object)).toEqual([
    "small short.txt",
    "small long.txt",
    "big short.txt",
    "big long.txt",
  ])
  const calls = heard.length
  const shown = await sluice([...crossed, "--show", "1"])
  expect(shown.stdout).toContain("in.jsonl:1, short.txt: about")
  expect(shown.stdout).toContain("[user]\nPlease say one")
  expect(heard).toHaveLength(calls)
  appendFileSync(files[1]!, "!")
  const changed = await sluice([...args, "--prompt-file", ...files, "-m", "small"])
  expect([changed.code, changed.stderr]).toEqual([2, expect.stringContaining("the prompt changed")])
})

test("prompt files that begin with a model and settings of their own are asked so", async () => {
  const { args, folder, out, heard } = await setUp()
  const files = ["a.txt", "b.txt"].map((name) => join(folder, name))
  writeFileSync(files[0]!, "---\nmodel: small\ntemperature: 0\n---\nSay {{text}}")
  writeFileSync(files[1]!, "---\nmodel: big\n---\nPlease say {{text}}")
  const run = [...args, "--prompt-file", ...files, "--limit", "1", "-q"]
  expect((await sluice(run)).code).toBe(0)
  expect(linesOf(out)[0]).toMatchObject({
    output: { "small a.txt": "said Say one", "big b.txt": "said Please say one" },
  })
  expect(heard).toMatchObject([{ model: "small", temperature: 0 }, { model: "big" }])
  // The command goes before them: one model for both.
  expect((await sluice([...run, "-m", "small", "-o", `${out}2`])).code).toBe(0)
  expect(linesOf(`${out}2`)[0]).toMatchObject({ output: { "a.txt": "said Say one", "b.txt": "said Please say one" } })
  writeFileSync(files[1]!, "---\naccept-truncated: true\n---\nPlease say {{text}}")
  const refused = await sluice([...run, "-m", "small", "-o", `${out}3`])
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("hold for all prompts of a command")])
})

test("plan shows each model, and all together", async () => {
  const { args } = await setUp()
  const plan = [...args, ...both].with(0, "plan")
  const { code, stdout } = await sluice([...plan, "--json", "--answer-tokens", "5"])
  expect(code).toBe(0)
  const plans = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { model: string; calls: number; usd: { online: number } })
  expect(plans).toMatchObject([
    { model: "openai-compatible:small", calls: 3 },
    { model: "openai-compatible:big", calls: 3 },
  ])
  expect(plans[1]!.usd.online).toBeCloseTo(10 * plans[0]!.usd.online)
  const text = await sluice(plan)
  expect(text.stdout).toMatch(/^3 items, openai-compatible:small\n[\s\S]*\n\n3 items, openai-compatible:big\n/)
  expect(text.stdout).toMatch(/\nAll 2 models side by side: 6 items, \$0\.0845, 0:0\d\.\n$/)
  // One budget for both, said of both.
  const tight = await sluice([...plan, "--budget-usd", "0.0423"])
  expect(tight.stdout.match(/The budget ends .*/g)).toEqual(["The budget ends the run after about 3 items."])
})

test("each model has a quota of its own", async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.jsonl"), '{"text":"a"}\n'.repeat(6))
  const vendor = await startVendor({ latency: { baseMs: 300, perOutputTokenMs: 0 }, answer: "echo" })
  onTestFinished(() => vendor.stop())
  const model = ["-m", "openai-compatible:a", "-m", "openai-compatible:b", "--base-url", `${vendor.url}/v1`]
  const args = ["run", "in.jsonl", "-p", "{{text}}", ...model, "-o", "out.jsonl", "--rpm", "4000", "--json"]
  const { code, stderr } = await ended(startSluice(args, folder))
  expect(code).toBe(0)
  const events = stderr
    .split("\n")
    .flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as { type: string; quota: string }] : []))
  const quotas = new Set(events.flatMap(({ type, quota }) => (type === "permit-admit" ? [quota] : [])))
  expect([...quotas].map((name) => name.split("/").at(-1) ?? "").toSorted()).toEqual(["a", "b"])
})

test("a budget is that of all models together: what has no room in it stays open", async () => {
  const { args, out, heard } = await setUp()
  // An answer of small costs $0.00006, one of big $0.0006.
  const { code, stderr } = await sluice([
    ...args,
    ...both,
    "--budget-usd",
    "0.001",
    "--concurrency",
    "1",
    "--key",
    "id",
  ])
  expect(code).toBe(3)
  expect(stderr).toMatch(/the models together have spent \$0\.001\d of the budget of \$0\.0010|budget/)
  expect(heard.length).toBeLessThan(6)
  expect((await sluice([...args, ...both, "--accept-truncated", "--key", "id", "-q"])).code).toBe(0)
  expect([heard.length, linesOf(out).length]).toEqual([6, 3])
})

test("inputs behind an option that takes several words are told from it", async () => {
  const { args } = await setUp()
  const [, file = "", ...options] = args
  const run = await sluice(["run", ...options, "-m", "small", "--prompt-file", "a.txt", file])
  expect([run.code, run.stderr]).toEqual([
    2,
    `sluice: Name the inputs before the options: --prompt-file has taken a.txt, ${file}.\n`,
  ])
  const only = await sluice(["run", ...options, "-m", "small", "-p", "a", "--only", "1", file])
  expect(only.stderr).toContain("--only has taken 1, ")
  expect((await sluice(["plan"])).stderr).toContain("Name the inputs: files, globs, or - for standard input.")
})

test("two models in the lane of batches: each in batches of its own, submitted once", async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.jsonl"), Array.from({ length: 12 }, (_, id) => `{"text":"word ${id}"}\n`).join(""))
  const vendor = await startVendor({
    latency: { baseMs: 0, perOutputTokenMs: 0 },
    answer: "echo",
    batch: { processingMs: 200 },
  })
  onTestFinished(() => vendor.stop())
  const model = ["-m", "openai:a", "-m", "openai:b", "--base-url", `${vendor.url}/v1`]
  const args = ["run", "in.jsonl", "-p", "{{text}}", ...model, "-o", "out.jsonl", "--lane", "batch", "-q"]
  const env = { OPENAI_API_KEY: "sk-none-of-yours-0001" }
  const { code, stderr } = await ended(startSluice(args, folder, { env, main: fastProgram }))
  expect([code, stderr]).toEqual([0, ""])
  const lines = linesOf(join(folder, "out.jsonl"))
  expect(lines).toHaveLength(12)
  for (const [id, { output }] of lines.entries())
    expect(output).toEqual({
      "openai:a": expect.stringContaining(`word ${id}`) as string,
      "openai:b": expect.stringContaining(`word ${id}`) as string,
    })
  expect(vendor.stats().arrived).toBe(0)
})

test("what is killed goes on, each answer asked for once", async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.jsonl"), Array.from({ length: 40 }, (_, id) => `{"text":"word ${id}"}\n`).join(""))
  const asked = new Map<string, number>()
  const server = await speakingVendor(async ({ messages, ...body }) => {
    const what = `${(body as { model?: string }).model} ${messages.at(-1)?.content}`
    asked.set(what, (asked.get(what) ?? 0) + 1)
    await new Promise((resolve) => setTimeout(resolve, 20))
    return what
  })
  const model = ["-m", "openai-compatible:a", "-m", "openai-compatible:b", "--base-url", `${server.url}/v1`]
  const args = ["run", "in.jsonl", "-p", "{{text}}", ...model, "-o", "out.jsonl", "--concurrency", "4", "-q"]
  const child = startSluice(args, folder)
  const end = ended(child)
  await vi.waitUntil(() => asked.size > 20, { timeout: 30_000, interval: 5 })
  child.kill("SIGKILL")
  await end
  expect((await ended(startSluice(args, folder))).code).toBe(0)
  const lines = linesOf(join(folder, "out.jsonl"))
  expect(lines.map(({ output }) => output)).toEqual(
    Array.from({ length: 40 }, (_, id) => ({
      "openai-compatible:a": `openai-compatible:a word ${id}`.replace("openai-compatible:", ""),
      "openai-compatible:b": `b word ${id}`,
    })),
  )
  // Both models may have had as many calls in flight as they may have.
  const repeats = [...asked.values()].filter((count) => count > 1)
  expect([asked.size, repeats.length <= 8, Math.max(...asked.values()) <= 2]).toEqual([80, true, true])
})

test("a model that refuses everything stops the run, also beside one that answers; inspect and diff know the columns", async () => {
  const { args, out, asked } = await setUp()
  const refused = await sluice([...args, "-p", "{{text}}", "-m", "small", "-m", "broken"])
  expect(refused.code).toBe(1)
  expect(asked("small")).toHaveLength(3)
  const item = await sluice(["inspect", out, "--key", "1"])
  expect(item.stdout).toContain("item 1: ok after 1 attempt")
  expect(item.stdout).toContain("item 1, broken: failed after 1 attempt")
  expect(item.stdout.match(/\[user\]\ntwo/g)).toHaveLength(2)
  expect((await sluice(["inspect", out])).stdout).toMatch(/2 broken/)
  expect((await sluice(["diff", out, out])).stdout).toContain("6 the same")
})

test.each([
  [["-p", "a", "-m", "noop:", "-m", "noop:"], "--model noop: is given twice."],
  [["-m", "noop:", "--prompt-file", "a", "a"], "--prompt-file a is given twice."],
])("%s is refused", async (more, message) => {
  const file = join(temporaryFolder(), "in.txt")
  writeFileSync(file, "a")
  const { code, stderr } = await sluice(["run", file, ...more])
  expect([code, stderr]).toEqual([2, expect.stringContaining(message)])
})

test("a latency of seconds is told in whole milliseconds, as inspect tells it", () => {
  const column = { column: "a", ok: 1, failed: 0, cut: 0, failingChecks: 0, medianLatencyMs: 1_046.5 }
  expect(renderComparison({ columns: [column], inputs: 1, agreed: 1 })).toContain(" 1047 ms ")
})
