import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { PassThrough, Readable } from "node:stream"
import { systemClock } from "@sluice/scheduler"
import { describe, expect, test, vi } from "vitest"
import { createProgram } from "../../src/create-program.ts"
import { fastClock } from "../command/fast-clock.ts"
import { png } from "../command/media.ts"
import { labVendor } from "../command/set-up.ts"
import { linesOf, sluice, temporaryFolder } from "../command/sluice.ts"
import { speakingVendor } from "../command/speaking-vendor.ts"

vi.setConfig({ testTimeout: 60_000 })

/** The table of docs/cli.md: options, an example of a change, and what the same command does with it. */
function table(): { readonly options: string[]; readonly examples: string[]; readonly outcome: string }[] {
  const page = readFileSync(join(import.meta.dirname, "../../../../docs/cli.md"), "utf8")
  const [, section = ""] = page.split("### What the same command does with other options\n")
  const rows = section.split("\n").filter((line) => line.startsWith("| `--"))
  return rows.map((row) => {
    const [, options = "", example = "", then = ""] = row.split(/ *(?<!\\)\| */)
    const examples = [...example.matchAll(/`([^`]*)`/g)].map(([, code]) => code!)
    return { options: [...options.matchAll(/`(--[a-z-]+)`/g)].map(([, name]) => name!), examples, outcome: then }
  })
}

const rows = table()

test("the table has every option of a run once", () => {
  const streams = { stdin: Readable.from([]), stdout: new PassThrough(), stderr: new PassThrough() }
  const program = createProgram({ ...streams, env: {}, clock: systemClock, onInterrupt: () => () => {} }, () => {})
  const known = program.commands.find((command) => command.name() === "run")!.options.map(({ long }) => long!)
  const named = rows.flatMap(({ options }) => options)
  expect(named.toSorted()).toEqual(known.toSorted())
})

/** Four inputs, of which one fails for good until the vendor has thought better of it. */
async function setUp() {
  const folder = temporaryFolder()
  const texts = ["one", "two", "three", "bad"]
  const lines = texts.map((text, id) => `${JSON.stringify({ id: `i${id}`, text })}\n`)
  writeFileSync(join(folder, "in.jsonl"), lines.join(""))
  writeFileSync(join(folder, "system.txt"), "Be brief.")
  writeFileSync(join(folder, "prompt.txt"), "Tell {{text}}")
  writeFileSync(
    join(folder, "c.json"),
    '{"limits":{"x":{"requestsPerMinute":6000}},"prices":{"x":{"input":1,"output":2}}}',
  )
  writeFileSync(join(folder, "messages.json"), '[{"role":"user","content":"Tell {{text}}"}]')
  writeFileSync(join(folder, "schema.json"), '{"type":"object"}')
  writeFileSync(join(folder, "picture.png"), png(8, 8))
  const other = await labVendor()
  const vendor = await speakingVendor(({ messages }) =>
    messages.some(({ content }) => content.includes("bad")) ? { status: 400, message: "no" } : "fine",
  )
  const out = join(folder, "out.jsonl")
  const fill = (text: string): string => text.replaceAll("FOLDER", folder).replaceAll("OTHER", `${other.url}/v1`)
  const base = ["run", join(folder, "in.jsonl"), "-p", "Say {{text}}", ...vendor.args, "-o", out, "-q"]
  const calls = (): number => vendor.heard.length + other.stats().arrived
  return { folder, out, base, fill, calls }
}

/** Where a change takes the place of what was given: options that are said once. */
const instead: Readonly<Record<string, readonly string[]>> = {
  "--prompt-file": ["-p"],
  "--messages": ["-p"],
  "--prompt": ["-p"],
  "--out": ["-o"],
  "--base-url": ["--base-url"],
}

function changed(base: readonly string[], example: readonly string[]): string[] {
  const taken = example.flatMap((word) => instead[word] ?? [])
  const rest = base.flatMap((word, at) => (taken.includes(word) || taken.includes(base[at - 1] ?? "") ? [] : [word]))
  return [...rest, ...example]
}

describe("the same command with", () => {
  const examples = rows.flatMap((row) => row.examples.map((example) => ({ example, outcome: row.outcome })))
  test.each(examples)("$example: $outcome", async ({ example, outcome }) => {
    const { out, base, fill, calls } = await setUp()
    expect((await sluice(base)).code).toBe(1)
    expect(calls()).toBe(4)
    const words = example.match(/'[^']*'|\S+/g)!.map((word) => fill(word.replaceAll("'", "")))
    const { code, stderr } = await sluice(changed(base, words))
    const asked = calls() - 4
    if (outcome.startsWith("nothing is asked")) {
      expect([code === 2, asked], stderr).toEqual([false, 0])
      const isChoice = outcome.includes("what is left out")
      expect(isChoice ? linesOf(out).length < 3 : linesOf(out).length === 3).toBe(true)
    } else if (outcome.startsWith("refused")) {
      expect([code, asked]).toEqual([2, 0])
      expect(linesOf(out)).toHaveLength(3)
      if (outcome.includes("--accept-changes")) {
        await sluice([...changed(base, words), "--accept-changes"])
        expect(calls() - 4).toBeGreaterThanOrEqual(4)
      }
    } else if (outcome.startsWith("what failed is asked")) expect(asked).toBe(1)
    else if (outcome.startsWith("its column is asked")) expect(asked).toBe(4)
    else if (outcome.startsWith("a run of its own")) expect(asked).toBe(4)
    else throw new Error(`the table says something else: ${outcome}`)
  })
})

test("what failed before is told with its reason, as it was the first time", async () => {
  const { base, calls } = await setUp()
  const loud = base.filter((word) => word !== "-q")
  const failures = async (): Promise<string[]> =>
    (await sluice(loud)).stderr.split("\n").filter((line) => line.startsWith("! run["))
  const first = await failures()
  expect(first).toEqual([expect.stringMatching(/^! run\[3\]: .*\bno\b/)])
  expect(await failures()).toEqual(first)
  expect(calls()).toBe(4)
  const events = (await sluice([...loud, "--json"])).stderr.trimEnd().split("\n")
  const ends = events.map((line) => JSON.parse(line) as { type: string; status?: string; error?: unknown })
  expect(ends.filter(({ type, status }) => type === "item-end" && status === "failed")).toMatchObject([
    { replayed: true, error: { message: first[0]!.slice("! run[3]: ".length) } },
  ])
})

test("a choice of inputs asks nothing again, and a wider one afterwards only what was never asked", async () => {
  const { base, calls } = await setUp()
  await sluice([...base, "--limit", "2"])
  expect(calls()).toBe(2)
  await sluice(base)
  expect(calls()).toBe(4)
})

test("a run whose items are named keeps their names", async () => {
  const { base, calls } = await setUp()
  await sluice([...base, "--key", "id"])
  const { code, stderr } = await sluice(base)
  expect([code, stderr, calls()]).toEqual([2, expect.stringContaining("named by --key id. Give --key id"), 4])
  const other = await sluice([...base, "--key", "text"])
  expect([other.code, other.stderr]).toEqual([2, expect.stringContaining("Give --key id")])
})

test.each([
  ["--only 1 3", 2, 1],
  ["--limit 1", 1, 0],
  ["--where id!=i1 --skip 1", 2, 1],
  ["--sample 2 --seed 5", 2, undefined],
  ["--max-failures 1 --concurrency 1 --only 3", 1, 3],
  ["--concurrency 1 --budget-usd 0.00003 --config FOLDER/c.json", 1, 3],
  ["--rpm 60 --deadline 1s", undefined, 3],
])("%s first: the same command without it asks what is open, each once", async (words, asked, code) => {
  const { calls, fill, out, ...setting } = await setUp()
  // A call without a bound would be reserved at the most that the model can say.
  const base = [...setting.base, "--max-output-tokens", "7"]
  const first = await sluice([...base, ...fill(words).split(" ")], { clock: fastClock(100) })
  if (code !== undefined) expect(first.code, first.stderr).toBe(code)
  if (asked !== undefined) expect(calls()).toBe(asked)
  expect(calls()).toBeLessThan(5)
  expect((await sluice(base)).code).toBe(1)
  expect([calls(), linesOf(out).map(({ index }) => index)]).toEqual([4, [0, 1, 2]])
  // Once failed, it stays so until it is wanted again.
  expect((await sluice(base)).code).toBe(1)
  expect(calls()).toBe(4)
  expect((await sluice([...base, "--retry-failed"])).code).toBe(1)
  expect(calls()).toBe(5)
  expect((await sluice(base)).code).toBe(1)
  expect(calls()).toBe(5)
})
