import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test, vi } from "vitest"
import { ended, linesOf, sluice, temporaryFolder } from "../command/sluice.ts"
import { labVendor, place, start } from "../command/set-up.ts"

vi.setConfig({ testTimeout: 60_000 })

test("results of a run that has ended, changed by hand, are written anew with a warning; those that are gone, without", async () => {
  const folder = temporaryFolder()
  const [input, out] = [join(folder, "in.jsonl"), join(folder, "out.jsonl")]
  writeFileSync(input, '{"text":"a"}\n{"text":"b"}\n')
  const run = async (): Promise<string> =>
    (await sluice(["run", input, "-p", "{{text}}", "-m", "noop:", "-o", out])).stderr
  const warned = "was changed since this run wrote it"
  expect(await run()).not.toContain(warned)
  const written = readFileSync(out, "utf8")
  for (const edited of [written.replace("a", "A"), written.slice(0, 20)]) {
    writeFileSync(out, edited)
    expect(await run()).toContain(`${out} ${warned}. It is written anew from the journal`)
    expect(readFileSync(out, "utf8")).toBe(written)
  }
  rmSync(out)
  expect(await run()).not.toContain(warned)
  // What somebody puts behind the last line is cut off: a kill may have left half a line there.
  writeFileSync(out, `${written}my own notes\n`)
  expect(await run()).not.toContain(warned)
  expect(readFileSync(out, "utf8")).toBe(written)
})

const count = 60
const drop = (lines: string[]): string[] => lines.slice(1)
const edits: Readonly<Record<string, (lines: string[]) => string[]>> = {
  "the first line removed": drop,
  "lines sorted the other way": (lines) => lines.toReversed(),
  "a shorter word everywhere": (lines) => lines.map((line) => line.replace("word", "w")),
  "another word of the same length": (lines) => lines.map((line) => line.replace("word", "warp")),
  "line ends of Windows": (lines) => lines.map((line) => `${line}\r`),
}

test.each(Object.entries(edits))(
  "killed, then its results edited by hand (%s): the same command has every line once, as it was answered",
  async (_what, edit) => {
    const vendor = await labVendor({ latency: { baseMs: 100, perOutputTokenMs: 0 } })
    const here = place(count, vendor)
    const args = [...here.args, "-o", "out.jsonl", "--concurrency", "2", "-q"]
    const out = join(here.folder, "out.jsonl")
    const child = start(here, args)
    const end = ended(child)
    // A position is on record with the first lines, and those that follow it are written again.
    await vi.waitFor(() => expect(linesOf(out).length).toBeGreaterThan(8), { timeout: 30_000, interval: 20 })
    child.kill("SIGKILL")
    await end
    const lines = readFileSync(out, "utf8").split("\n").slice(0, -1)
    writeFileSync(out, `${edit(lines).join("\n")}\n`)
    expect((await ended(start(here, args))).code).toBe(0)
    const written = linesOf(out)
    expect(written.map(({ index }) => index)).toEqual(Array.from({ length: count }, (_, index) => index))
    for (const { input, output } of written as { input: { text: string }; output: string }[])
      expect(output).toBe(`Say ${input.text}`)
    // What was in flight at the kill is asked again, and nothing else.
    expect(vendor.stats().arrived).toBeLessThanOrEqual(count + 2)
  },
)
