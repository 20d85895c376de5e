import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { fastClock } from "../command/fast-clock.ts"
import { linesOf, sluice, temporaryFolder } from "../command/sluice.ts"
import { speakingVendor } from "../command/speaking-vendor.ts"

test("--deadline ends an online run in good order: exit code 3, nothing lost, and the same command goes on", async () => {
  const { heard, args } = await speakingVendor(({ messages }) => messages.at(-1)?.content ?? "")
  const folder = temporaryFolder()
  const out = join(folder, "out.jsonl")
  const count = 150
  writeFileSync(join(folder, "in.txt"), Array.from({ length: count }, (_, id) => `word ${id}\n`).join(""))
  const command = ["run", join(folder, "in.txt"), "-p", "{{text}}", ...args, "-o", out, "--rpm", "60"]
  const first = await sluice([...command, "--deadline", "30s"], { clock: fastClock(100) })
  expect(first.code).toBe(3)
  expect(first.stderr).toMatch(/Stopped: the 0:30 of --deadline have passed\. What is open stays open\./)
  expect(first.stderr).toContain("The same command goes on from here.")
  const answered = linesOf(out).length
  expect(answered).toBe(heard.length)
  expect(answered).toBeLessThan(count)
  // It counts for one command, as a budget does.
  const last = await sluice([...command, "--deadline", "9h"], { clock: fastClock(100) })
  expect([last.code, linesOf(out).length, heard.length]).toEqual([0, count, count])
})
