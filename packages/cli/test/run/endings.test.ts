import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { startVendor } from "@sluice/lab"
import { expect, onTestFinished, test } from "vitest"
import { fastClock } from "../command/fast-clock.ts"
import { ended, linesOf, sluice, startSluice, temporaryFolder } from "../command/sluice.ts"
import { type Said, speakingVendor } from "../command/speaking-vendor.ts"

/** A vendor whose answer to the input `odd` ends as `said`, and a run over `one`, `odd`, `two`. */
async function oddOne(said: Said) {
  const now = { said }
  const vendor = await speakingVendor(({ messages }) => (messages.at(-1)?.content === "odd" ? now.said : "fine"))
  const folder = temporaryFolder()
  const out = join(folder, "out.jsonl")
  writeFileSync(join(folder, "in.txt"), "one\nodd\ntwo\n")
  const args = ["run", join(folder, "in.txt"), "-p", "{{text}}", ...vendor.args, "-o", out, "-q"]
  return { ...vendor, args, out, now }
}

const saying = (content: string | null, finish: string, more = {}): Said => ({
  choice: { message: { role: "assistant", content, ...more }, finish_reason: finish },
})

test.each<[string, Said, string, string, string]>([
  ["cut by its length", saying("half a", "length"), "answer-truncated", "half a", "length"],
  ["cut by a filter", saying("half a", "content_filter"), "answer-filtered", "half a", "content_filter"],
  ["refused", saying(null, "stop", { refusal: "I will not." }), "answer-refused", "I will not.", "refusal"],
  ["empty", saying("", "stop"), "answer-empty", "", "stop"],
  ["no text at all", saying(null, "stop"), "answer-empty", "", "stop"],
  ["nothing but blanks", saying(" \n ", "stop"), "answer-empty", " \n ", "stop"],
])(
  "an answer that is %s failed; --accept-truncated takes it and tells",
  async (_name, said, errorCode, text, reason) => {
    const { args, out, heard, now } = await oddOne(said)
    expect((await sluice(args)).code).toBe(1)
    expect(linesOf(out).map(({ index }) => index)).toEqual([0, 2])
    const [failed] = linesOf(`${out}.failed.jsonl`)
    expect(failed).toMatchObject({
      index: 1,
      attempts: 1,
      input: { text: "odd" },
      output: text,
      error: { code: errorCode },
    })
    expect(heard).toHaveLength(3)
    // It stays failed, until somebody wants it asked again.
    await sluice(args)
    expect(heard).toHaveLength(3)
    expect((await sluice([...args, "--retry-failed", "--accept-truncated"])).code).toBe(0)
    expect(heard).toHaveLength(4)
    expect(linesOf(out)[1]).toEqual({ index: 1, input: { text: "odd" }, output: text, finishReason: reason })
    expect(linesOf(out)[0]).toMatchObject({ finishReason: "stop" })
    now.said = "fine now"
  },
)

test.each([
  ["online", []],
  ["in the batch lane", ["--lane", "batch"]],
])("the display counts answers that are cut, whether they count or not: %s", async (_name, more) => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.txt"), "one\ntwo two two two two two two two\n")
  const batch = { validatingMs: 5, processingMs: 40, finalizingMs: 5 }
  const vendor = await startVendor({ latency: { baseMs: 0, perOutputTokenMs: 0 }, answer: "echo", batch })
  onTestFinished(() => vendor.stop())
  const model = ["-m", "openai-compatible:x", "--base-url", `${vendor.url}/v1`]
  const args = ["run", join(folder, "in.txt"), "-p", "{{text}}", ...model, "--max-output-tokens", "4", ...more]
  for (const [taken, code] of [
    ["--keep-going", 1],
    ["--accept-truncated", 0],
  ] as const) {
    const all = [...args, "-o", join(folder, taken), taken]
    const { code: exit, stderr } = await sluice(all, { clock: fastClock(100) })
    expect([exit, stderr]).toEqual([code, expect.stringMatching(/2\/2 items done, .* 1 cut/)])
  }
})

test("a process of its own: what was cut is asked again by --retry-failed, and whole then", async () => {
  const { args, out, heard, now } = await oddOne(saying("half a", "length"))
  expect((await sluice(args)).code).toBe(1)
  now.said = "the whole"
  expect((await ended(startSluice([...args, "--retry-failed"], temporaryFolder()))).code).toBe(0)
  expect(linesOf(out)[1]).toMatchObject({ index: 1, output: "the whole" })
  expect([heard.length, linesOf(`${out}.failed.jsonl`)]).toEqual([4, []])
})

test("how it ended, which model it was, the request's name and the latency are fields of the result", async () => {
  const { args, out } = await oddOne("fine")
  await sluice([...args, "--fields", "index,finishReason,model,requestId,latencyMs,inputTokens"])
  expect(linesOf(out)[2]).toEqual({
    index: 2,
    finishReason: "stop",
    model: "x-2026",
    requestId: "req-7",
    latencyMs: expect.any(Number) as number,
    inputTokens: 5,
  })
})

test("a setting that the model does not take is one warning", async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.txt"), "one\ntwo\nthree\n")
  const vendor = await startVendor({ latency: { baseMs: 0, perOutputTokenMs: 0 } })
  onTestFinished(() => vendor.stop())
  // The Responses API of a reasoning model: the SDK leaves the temperature out.
  const args = ["run", "in.txt", "-p", "{{text}}", "-m", "openai:o3-mini", "--base-url", `${vendor.url}/v1`]
  const child = startSluice([...args, "--temperature", "0.5", "-o", "out.jsonl", "--json", "--attempts", "1"], folder, {
    env: {
      OPENAI_API_KEY: "sk-none-of-yours-0001",
    },
  })
  const { code, stderr } = await ended(child)
  expect(code).toBe(0)
  const warnings = stderr.split("\n").filter((line) => line.includes('"setting-ignored"'))
  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toContain("The model does not take --temperature: it was left out")
})

const odd: Readonly<Record<string, Said>> = {
  cut: saying("half a", "length"),
  withheld: saying("", "content_filter"),
  bad: { status: 422, message: "no such thing" },
}

/** Inputs called after how the vendor ends their answer; everything else is answered. */
async function manyEnds(texts: readonly string[]) {
  const now = { isGood: false }
  const vendor = await speakingVendor(
    ({ messages }) => (now.isGood ? undefined : odd[messages.at(-1)!.content]) ?? "fine",
  )
  const folder = temporaryFolder()
  const out = join(folder, "out.jsonl")
  writeFileSync(join(folder, "in.txt"), `${texts.join("\n")}\n`)
  const args = ["run", join(folder, "in.txt"), "-p", "{{text}}", ...vendor.args, "-o", out, "--concurrency", "1"]
  return { ...vendor, args, out, now }
}

test("--retry-failed with codes or statuses asks only what failed so", async () => {
  const { args, out, heard, now } = await manyEnds(["one", "cut", "withheld", "bad", "cut"])
  expect((await sluice([...args, "-q"])).code).toBe(1)
  const failed = (): unknown[] => linesOf(`${out}.failed.jsonl`).map(({ index }) => index)
  expect([heard.length, failed()]).toEqual([5, [1, 2, 3, 4]])
  now.isGood = true
  expect((await sluice([...args, "-q", "--retry-failed", "answer-truncated"])).code).toBe(1)
  expect([heard.length, failed()]).toEqual([7, [2, 3]])
  // A code that none of them has asks nothing; one that there is not is refused.
  expect((await sluice([...args, "-q", "--retry-failed", "503"])).code).toBe(1)
  expect((await sluice([...args, "-q", "--retry-failed", "nothing-of-that-kind"])).code).toBe(2)
  expect([heard.length, failed()]).toEqual([7, [2, 3]])
  expect((await sluice([...args, "-q", "--retry-failed", "answer-filtered,422"])).code).toBe(0)
  expect([heard.length, failed()]).toEqual([9, []])
  expect(linesOf(out).map(({ index }) => index)).toEqual([0, 1, 2, 3, 4])
})

test("--max-failures stops with exit code 3; the same command goes on, and earlier failures do not count again", async () => {
  const { args, out, heard } = await manyEnds(["one", "cut", "two", "cut", "three", "cut", "four", "cut", "five"])
  const stopped = await sluice([...args, "--max-failures", "2"])
  expect(stopped.code).toBe(3)
  expect(stopped.stderr).toContain("Stopped: 2 inputs failed, as many as --max-failures allows. 2 ok, 2 failed")
  expect([heard.length, linesOf(out).length]).toEqual([4, 2])
  const again = await sluice([...args, "--max-failures", "3", "-q"])
  expect([again.code, heard.length, linesOf(out).length]).toEqual([1, 9, 5])
})
