import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { linesOf, sluice, temporaryFolder } from "../command/sluice.ts"
import { speakingVendor } from "../command/speaking-vendor.ts"

/** Answers with the input's `say`. */
async function setUp(inputs: readonly unknown[]) {
  const vendor = await speakingVendor(({ messages }) => messages.at(-1)?.content ?? "")
  const folder = temporaryFolder()
  const out = join(folder, "out.jsonl")
  writeFileSync(join(folder, "in.jsonl"), inputs.map((input) => `${JSON.stringify(input)}\n`).join(""))
  const args = ["run", join(folder, "in.jsonl"), "-p", "{{say}}", ...vendor.args, "-o", out]
  const run = async (checks: readonly string[], ...more: string[]) => {
    const { code, stderr } = await sluice([...args, ...checks.flatMap((check) => ["--assert", check]), ...more])
    return { code, stderr, failed: linesOf(out).map(({ failedChecks }) => failedChecks) }
  }
  return { ...vendor, run, folder, out }
}

const texts = [
  { say: "yes, it is", label: "yes, it is" },
  { say: "No.", label: "yes" },
]

test("an answer that fails a check is kept and marked; exit code 4, and the summary counts them", async () => {
  const { run, out } = await setUp(texts)
  const { code, stderr, failed } = await run(["contains it is", "matches /^no/i"])
  expect(code).toBe(4)
  expect(failed).toEqual([["matches /^no/i"], ["contains it is"]])
  expect(linesOf(out).map(({ output }) => output)).toEqual(["yes, it is", "No."])
  expect(stderr).toContain("2 ok, 0 failed. 2 of the answers fail a check.")
})

test("all answers pass: exit code 0", async () => {
  const { run } = await setUp([texts[0]])
  expect(await run(["equals {{label}}", "not-contains No"])).toMatchObject({
    code: 0,
    stderr: expect.stringContaining("0 of the answers fail a check.") as string,
    failed: [[]],
  })
})

test("other checks are held against the answers that are there: nothing is asked again", async () => {
  const { run, heard } = await setUp(texts)
  expect((await run([])).code).toBe(0)
  expect(await run(["contains yes"])).toMatchObject({ code: 4, failed: [[], ["contains yes"]] })
  expect(await run(["contains it is", "contains o"])).toMatchObject({
    code: 4,
    failed: [["contains o"], ["contains it is"]],
  })
  expect(await run(["matches ."])).toMatchObject({ code: 0, failed: [[], []] })
  expect(heard).toHaveLength(2)
})

test("places in an answer's JSON, in text around it, with the digits of numbers", async () => {
  const { run } = await setUp([
    { say: 'So: {"score": 4, "id": 9007199254740993, "tags": [{"name": "a"}]}' },
    { say: '{"score": 2}' },
    { say: "none" },
  ])
  const { failed } = await run(["json score >= 3"])
  expect(failed).toEqual([[], ["json score >= 3: it is 2"], ["json score >= 3: it is not JSON"]])
  expect((await run(["json $.tags[0].name = a"])).failed[0]).toEqual([])
  expect((await run(["json id = 9007199254740993"])).failed[0]).toEqual([])
  expect((await run(["json id = 9007199254740992"])).failed[0]).toHaveLength(1)
  expect((await run(["json tags[1]"])).failed).toEqual([
    ["json tags[1]: there is no tags[1]"],
    ["json tags[1]: there is no tags[1]"],
    ["json tags[1]: it is not JSON"],
  ])
})

test("a function of a module's judges output and input; what it throws is the reason", async () => {
  const { run, folder } = await setUp(texts)
  const file = join(folder, "check.mjs")
  writeFileSync(
    file,
    `export default async (output, { label }) => output === label || "wanted " + label
     export const throwing = () => { throw new Error("cannot say") }
     export const fine = () => {}`,
  )
  expect((await run([file])).failed).toEqual([[], [`${file}: wanted yes`]])
  expect((await run([`${file}#throwing`])).failed[1]).toEqual([`${file}#throwing: cannot say`])
  expect((await run([`${file}#fine`])).code).toBe(0)
  expect(await run([`${file}#none`])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("there is no function none. Write: export const none = …") as string,
  })
})

test("what fails for good is exit code 1, checks or not; the events' summary has the count", async () => {
  const { run } = await setUp([...texts, { say: "" }])
  const { code, stderr } = await run(["contains yes"], "--json")
  expect(code).toBe(1)
  const summary = JSON.parse(stderr.trimEnd().split("\n").at(-1) ?? "") as unknown
  expect(summary).toMatchObject({ type: "summary", ok: 2, failed: 1, failing: 1 })
})

test("a pattern that takes for ever on an answer marks that answer, and the run goes on", async () => {
  const { run } = await setUp([{ say: `${"a".repeat(40)}!` }, { say: "aaa" }])
  const { code, failed } = await run(["matches ^(a+)+$"])
  expect(code).toBe(4)
  expect(failed).toEqual([["matches ^(a+)+$: it did not come to an end in 1 s on this text"], []])
})
