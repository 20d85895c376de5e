import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { expect, it } from "vitest"

it("a parallel batch of a million items with onOutcome takes at most 50 MB", async () => {
  const program = join(import.meta.dirname, "../fixtures/million-items.ts")
  // A process of its own: what other tests left behind is not measured.
  const args = ["--conditions=@sluice/source", "--expose-gc", program]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  const { taken, grownMegabytes } = JSON.parse(stdout) as { taken: number; grownMegabytes: number }
  expect(taken).toBe(1_000_000)
  expect(grownMegabytes).toBeLessThan(50)
}, 120_000)
