import { execFile } from "node:child_process"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { expect, test } from "vitest"

test("an item and a call go through no more files than ARCHITECTURE says", async () => {
  const program = join(import.meta.dirname, "fixtures/entered-files.ts")
  const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=@sluice/source", program])
  const { item, call } = JSON.parse(stdout) as Record<"item" | "call", Record<string, number>>
  const text = await readFile(join(import.meta.dirname, "../../../docs/ARCHITECTURE.md"), "utf8")
  const said = (pattern: RegExp): number[] => (pattern.exec(text) ?? []).slice(1).map(Number)
  const ofItem = said(/the code of (\d+) files of core and scheduler and (\d+) of the journal runs for each item/)
  const ofCall = said(/enters (\d+) files of providers and (\d+) of core and scheduler/)
  const measured = [
    [item["core"]! + item["scheduler"]!, item["journal"]!],
    [call["providers"]!, call["core"]! + call["scheduler"]!],
  ].flat()
  const told = [...ofItem, ...ofCall]
  expect(told).toHaveLength(4)
  // Fewer is as good; a page that says many more is old.
  for (const [at, count] of measured.entries()) {
    expect(count).toBeLessThanOrEqual(told[at]!)
    expect(count).toBeGreaterThanOrEqual(told[at]! - 5)
  }
}, 60_000)
