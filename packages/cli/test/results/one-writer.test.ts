import { existsSync, mkdirSync, readdirSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { expect, test, vi } from "vitest"
import { ended, linesOf, sluice } from "../command/sluice.ts"
import { labVendor, place, start } from "../command/set-up.ts"

vi.setConfig({ testTimeout: 60_000 })

const until = (fn: () => boolean): Promise<unknown> => vi.waitUntil(fn, { timeout: 20_000, interval: 5 })

test.each([
  ["neither keeps a journal", ["--no-journal"], ["--no-journal"]],
  ["each has its own journal", ["--journal", "a.journal"], ["--journal", "b.journal"]],
  ["only the first has one", [], ["--no-journal"]],
])("two runs begun at once on one --out, %s: one writes, the other is refused before it asks", async (_name, a, b) => {
  const vendor = await labVendor({ latency: { baseMs: 120_000 } })
  const here = place(30, vendor)
  const runs = [a, b].map((more) => start(here, [...here.args, "-o", "out.jsonl", "--concurrency", "5", ...more]))
  // The one that may write waits for the vendor.
  const { refused, code, stderr } = await Promise.race(
    runs.map(async (run, refused) => ({ refused, ...(await ended(run)) })),
  )
  const writer = runs[1 - refused]?.pid
  expect([code, stderr]).toEqual([
    2,
    `sluice: --out out.jsonl: process ${writer} is writing these results. Wait for it, watch it (sluice attach ${writer}), stop it, or give another --out.\n`,
  ])
  expect(vendor.stats().arrived).toBeLessThanOrEqual(5)
  expect(readdirSync(here.folder)).not.toContain(`${"ab"[refused]}.journal`)
})

test("results that a link leads to are the same results", async () => {
  const vendor = await labVendor({ latency: { baseMs: 60_000 } })
  const here = place(3, vendor)
  const first = start(here, [...here.args, "-o", "out.jsonl", "--no-journal"])
  await until(() => vendor.stats().arrived > 0)
  symlinkSync("out.jsonl", join(here.folder, "link.jsonl"))
  const { code, stderr } = await ended(start(here, [...here.args, "-o", "link.jsonl", "--no-journal"]))
  expect([code, stderr]).toEqual([2, expect.stringContaining(`process ${first.pid} is writing these results`)])
})

test("what is no file is refused for that, and no lock is made beside it", async () => {
  const here = place(3)
  const folder = join(here.folder, "folder")
  mkdirSync(folder)
  const before = readdirSync(here.folder)
  const args = ["run", join(here.folder, "in.jsonl"), "-p", "{{text}}", "-m", "noop:", "--no-journal"]
  for (const out of [folder, "/dev/full"])
    expect(await sluice([...args, "-o", out])).toMatchObject({
      code: 2,
      stderr: `sluice: ${out} is not a file. Choose another --out, or - for standard output.\n`,
    })
  expect(readdirSync(here.folder)).toEqual(before)
})

test("a run that was killed holds nothing: the next one begins at once, and leaves no lock", async () => {
  const vendor = await labVendor({ latency: { baseMs: 60_000 } })
  const here = place(3, vendor)
  const killed = start(here, [...here.args, "-o", "out.jsonl", "--no-journal"])
  const end = ended(killed)
  await until(() => vendor.stats().arrived > 0)
  expect(existsSync(join(here.folder, "out.jsonl.lock"))).toBe(true)
  killed.kill("SIGKILL")
  await end
  const { code, stderr } = await ended(
    start(here, ["run", "in.jsonl", "-p", "{{text}}", "-m", "lab:", "-o", "out.jsonl", "--no-journal", "-q"]),
  )
  expect([code, stderr]).toEqual([0, ""])
  expect(linesOf(join(here.folder, "out.jsonl"))).toHaveLength(3)
  expect(existsSync(join(here.folder, "out.jsonl.lock"))).toBe(false)
})
