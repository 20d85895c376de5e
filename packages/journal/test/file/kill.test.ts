import { openJournal } from "@sluice/journal"
import { expect, test } from "vitest"
import { ended, printed, startChild } from "../child.ts"
import { temporaryJournal } from "../temporary.ts"

// SLUICE_CHAOS=50 for a long run.
const kills = Number(process.env["SLUICE_CHAOS"] ?? 4)
const count = 2_000

test(`SIGKILL at ${kills} random moments: what was told as settled is there, once, and the file opens every time`, async () => {
  const path = temporaryJournal()
  const told = new Set<number>()
  let repeated = 0
  const listen = (text: string): void => {
    for (const [, index] of text.matchAll(/^settled (\d+)$/gm)) {
      if (told.has(Number(index))) repeated++
      told.add(Number(index))
    }
  }
  for (let kill = 0; kill < kills; kill++) {
    const child = startChild("settle-items.ts", path, String(count))
    const end = ended(child)
    await printed(child, "open")
    const timer = setTimeout(() => child.kill("SIGKILL"), Math.random() * 150)
    const { stdout, signal, code, stderr } = await end
    clearTimeout(timer)
    expect(stderr).toBe("")
    expect(signal ?? code).toBeOneOf(["SIGKILL", 0])
    // A half line at the end is not a word given.
    listen(stdout.slice(0, stdout.lastIndexOf("\n") + 1))
    const journal = openJournal({ path, readOnly: true })
    const kept = [...journal.items("chaos")].map(({ index }) => index)
    await journal.close()
    expect(new Set(kept).size).toBe(kept.length)
    expect([...told].filter((index) => !kept.includes(index))).toEqual([])
  }
  const { stdout } = await ended(startChild("settle-items.ts", path, String(count)))
  listen(stdout)
  expect(stdout).toMatch(/done\n$/)
  expect(repeated).toBe(0)
  await using journal = openJournal({ path })
  const values = [...journal.items("chaos", { order: "input" })].map((one) => one.status === "ok" && one.value)
  expect(values).toEqual(Array.from({ length: count }, (_, index) => `answer ${index} `))
}, 120_000)
