import { existsSync, lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { expect, test, vi } from "vitest"
import { fastClock } from "./fast-clock.ts"
import { ended, linesOf, sluice } from "./sluice.ts"
import { labVendor, type Place, place, start } from "./set-up.ts"

vi.setConfig({ testTimeout: 60_000 })

const precious = "years of work\n"

/** In this process, on a clock on which it does not take seconds to give a call up: names of files are those in the folder. */
async function run(here: Place, ...more: string[]) {
  const isFile = (word: string): boolean => /^[a-z]/.test(word) && !/^index|^noop/.test(word)
  const result = await sluice(
    [
      "run",
      join(here.folder, "in.jsonl"),
      ...here.args.slice(2),
      ...more.map((word) => (isFile(word) ? join(here.folder, word) : word)),
    ],
    { clock: fastClock(50) },
  )
  return { ...result, lines: result.stderr.trimEnd().split("\n") }
}

test.each([
  [
    "a folder that is missing, with the journal elsewhere",
    ["-o", "no/out.jsonl", "--journal", "run.journal"],
    () => {},
  ],
  [
    "a folder in the place of the results",
    ["-o", "folder", "--journal", "run.journal"],
    (at: (name: string) => string) => mkdirSync(at("folder")),
  ],
  [
    "a folder in the place of the failures",
    ["-o", "out.jsonl"],
    (at: (name: string) => string) => mkdirSync(at("out.jsonl.failed.jsonl")),
  ],
  [
    "a folder in the place of the new results",
    ["-o", "out.jsonl"],
    (at: (name: string) => string) => mkdirSync(at("out.jsonl.partial")),
  ],
  ["a device", ["-o", "/dev/null", "--journal", "run.journal"], () => {}],
  ["a folder that cannot be written", ["-o", "/proc/out.jsonl", "--journal", "run.journal"], () => {}],
])("%s: told in one line, exit code 2 at once, nothing is asked", async (_name, args, prepare) => {
  const vendor = await labVendor()
  const here = place(3, vendor)
  prepare((name) => join(here.folder, name))
  const { code, lines } = await run(here, ...args)
  expect([code, lines]).toEqual([2, [expect.stringMatching(/^sluice: /)]])
  expect(vendor.stats().arrived).toBe(0)
  // Nothing was begun: with a place that can be written the same journal serves.
  if (args.includes("--journal")) {
    expect((await run(here, "-o", "good.jsonl", "--journal", "run.journal", "-q")).code).toBe(0)
    expect(linesOf(join(here.folder, "good.jsonl"))).toHaveLength(3)
  }
})

test.each([
  ["out.jsonl.failed.jsonl", ["-o", "out.jsonl"]],
  ["out.jsonl.partial", ["-o", "out.jsonl"]],
  ["sluice.failed.jsonl", []],
  ["run.journal.failed.jsonl", ["--journal", "run.journal"]],
])("a file of somebody else's, %s, is left as it was, and the command says so", async (name, args) => {
  const vendor = await labVendor({ faults: { rates: { billing: 0 } } })
  const here = place(3, vendor)
  writeFileSync(join(here.folder, name), precious)
  // What lies in the working folder needs a process that has one.
  const { code, stderr } = args.length > 0 ? await run(here, ...args) : await ended(start(here, here.args))
  expect([code, stderr]).toEqual([2, expect.stringContaining(`${name} exists`)])
  expect(readFileSync(join(here.folder, name), "utf8")).toBe(precious)
  expect(vendor.stats().arrived).toBe(0)
})

test.skipIf(process.platform === "win32").each(["out.jsonl.journal", "out.jsonl.failed.jsonl", "out.jsonl.partial"])(
  "a link in the place of %s leads nowhere",
  async (name) => {
    const here = place(3)
    const target = join(here.folder, "target")
    symlinkSync(target, join(here.folder, name))
    for (const text of [undefined, "", precious]) {
      if (text !== undefined) writeFileSync(target, text)
      const { code, lines } = await run(here, "-o", "out.jsonl")
      expect([code, lines]).toEqual([2, [expect.stringMatching(`${name} is a link`)]])
      expect(existsSync(target) ? readFileSync(target, "utf8") : undefined).toBe(text)
    }
  },
)

test("results that are a link of one's own are written where it leads", async () => {
  const here = place(3)
  mkdirSync(join(here.folder, "elsewhere"))
  symlinkSync(join(here.folder, "elsewhere", "real.jsonl"), join(here.folder, "out.jsonl"))
  for (const fields of ["index", "index,output"]) {
    expect((await run(here, "-o", "out.jsonl", "--fields", fields, "-q")).code).toBe(0)
    expect(lstatSync(join(here.folder, "out.jsonl")).isSymbolicLink()).toBe(true)
    expect(linesOf(join(here.folder, "elsewhere", "real.jsonl"))).toHaveLength(3)
  }
})

test.each([[["--fields", "index"]], [["--as-completed"]], [["--retry-failed"]]])(
  "results that are written anew (%s) stay whole until the new ones are: a damaged journal costs nothing",
  async (change) => {
    const vendor = await labVendor({ faults: { rates: { keyRefused: 0 } } })
    const here = place(400, vendor)
    const out = join(here.folder, "out.jsonl")
    expect((await run(here, "-o", "out.jsonl", "-q")).code).toBe(0)
    const before = readFileSync(out)
    const database = new DatabaseSync(`${out}.journal`)
    if (change[0] === "--retry-failed") {
      database.exec(`UPDATE items SET status = 'failed', value = '{"name":"E","message":"m"}' WHERE idx = 1`)
    }
    database.exec("UPDATE items SET value = '{half' WHERE idx = 300")
    database.close()
    const { code, stderr } = await run(here, "-o", "out.jsonl", ...change)
    expect([code, stderr]).toEqual([2, expect.stringMatching(/is damaged/)])
    expect(readFileSync(out).equals(before)).toBe(true)
  },
)

test("results that are written anew are the new ones at the end, also after a kill in the middle", async () => {
  const vendor = await labVendor({ latency: { baseMs: 10, perOutputTokenMs: 0 } })
  const here = place(300, vendor)
  const out = join(here.folder, "out.jsonl")
  const first = start(here, [...here.args, "-o", "out.jsonl", "--concurrency", "4"])
  await vi.waitUntil(() => linesOfSafe(out) >= 60, { timeout: 20_000 })
  first.kill("SIGKILL")
  await ended(first)
  const second = start(here, [...here.args, "-o", "out.jsonl", "--concurrency", "4", "--fields", "index,id"])
  await vi.waitUntil(() => vendor.stats().arrived >= 150, { timeout: 20_000 })
  second.kill("SIGKILL")
  await ended(second)
  expect((await run(here, "-o", "out.jsonl", "--fields", "index,id", "-q")).code).toBe(0)
  expect(linesOf(out)).toEqual(Array.from({ length: 300 }, (_, index) => ({ index, id: index })))
  expect(existsSync(`${out}.partial`)).toBe(false)
  expect(existsSync(`${out}.failed.jsonl`)).toBe(false)
  expect(statSync(out).mode & 0o777).toBe(0o600)
})

function linesOfSafe(path: string): number {
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").length - 1 : 0
}

test("a failures file that is ours is written again, and gone when nothing has failed", async () => {
  const vendor = await labVendor({ faults: { rates: { malformed: 1 } } })
  const here = place(3, vendor)
  const failed = join(here.folder, "out.jsonl.failed.jsonl")
  expect((await run(here, "-o", "out.jsonl", "-q")).code).toBe(1)
  expect(linesOf(failed)).toHaveLength(3)
  expect((await run(here, "-o", "out.jsonl", "-q", "--fields", "index")).code).toBe(1)
  expect(linesOf(failed)).toHaveLength(3)
  vendor.configure({ faults: {} })
  expect((await run(here, "-o", "out.jsonl", "--retry-failed", "-q")).code).toBe(0)
  expect(existsSync(failed)).toBe(false)
})
