import { execFileSync, spawnSync } from "node:child_process"
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { Clock } from "@sluice/core"
import { systemClock } from "@sluice/scheduler"
import { PassThrough, Readable } from "node:stream"
import type { Terminal } from "../../src/display/terminal.ts"
import { runProgram } from "../../src/run-program.ts"
import { expect, onTestFinished, test, vi } from "vitest"
import { fastClock } from "../command/fast-clock.ts"
import { ended, linesOf, sluice, temporaryFolder } from "../command/sluice.ts"
import { speakingVendor } from "../command/speaking-vendor.ts"
import { labVendor, type Place, place, start } from "../command/set-up.ts"

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

const asRoot = process.getuid?.() === 0
/** Root whom permissions bind like anybody: another user may not even start a Node that lies in a home folder of root's. */
const bound = asRoot ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] : []
const canBeBound = !asRoot || spawnSync(bound[0]!, [...bound.slice(1), "true"]).status === 0
type Prepare = (at: (name: string) => string) => void

test.skipIf(!canBeBound || process.platform === "win32").each<[string, string[], Prepare]>([
  ["a folder that is missing, with --journal", ["-o", "no/out.jsonl", "--journal", "run.journal"], () => {}],
  ["results that are read-only", ["-o", "out.jsonl"], (at) => writeFileSync(at("out.jsonl"), "", { mode: 0o444 })],
  ["a folder in the place of the failures", ["-o", "out.jsonl"], (at) => mkdirSync(at("out.jsonl.failed.jsonl"))],
  [
    "failures that are read-only",
    ["-o", "out.jsonl"],
    (at) => writeFileSync(at("out.jsonl.failed.jsonl"), "", { mode: 0o444 }),
  ],
  ["a folder that may not be written", ["-o", "shut/out.jsonl"], (at) => mkdirSync(at("shut"), { mode: 0o555 })],
  [
    "such a folder, with the journal elsewhere",
    ["-o", "shut/out.jsonl", "--journal", "run.journal"],
    (at) => mkdirSync(at("shut"), { mode: 0o555 }),
  ],
  [
    "a journal in such a folder",
    ["-o", "out.jsonl", "--journal", "shut/run.journal"],
    (at) => mkdirSync(at("shut"), { mode: 0o555 }),
  ],
  ["a working folder that may not be written, without --out", [], (at) => chmodSync(at("."), 0o555)],
  ["an input that may not be read", ["-o", "out.jsonl"], (at) => chmodSync(at("in.jsonl"), 0)],
  ["a temporary folder that may not be written", [], (at) => chmodSync(at("tmp"), 0o555)],
])("a process of its own, %s: exit code 2, one line, nothing is asked", async (_name, args, prepare) => {
  const vendor = await labVendor()
  const here = place(3, vendor)
  prepare((name) => join(here.folder, name))
  onTestFinished(() => void execFileSync("chmod", ["-R", "u+rwX", here.folder]))
  const { code, stderr } = await ended(start(here, [...here.args, ...args], { before: bound }))
  expect([code, stderr.trimEnd().split("\n")]).toEqual([2, [expect.stringMatching(/^sluice: /)]])
  expect(vendor.stats().arrived).toBe(0)
})

test("results that have become read-only, after a first run: exit code 2, and with leave the same command goes on", async () => {
  const vendor = await labVendor()
  const here = place(3, vendor)
  if (!canBeBound) return
  const run = async () => ended(start(here, [...here.args, "-o", "out.jsonl"], { before: bound }))
  expect((await run()).code).toBe(0)
  appendFileSync(join(here.folder, "in.jsonl"), '{"id":3,"text":"word 3"}\n')
  chmodSync(join(here.folder, "out.jsonl"), 0o444)
  expect(await run()).toMatchObject({ code: 2, stderr: expect.stringMatching(/^sluice: .*out\.jsonl/) as string })
  expect(vendor.stats().arrived).toBe(3)
  chmodSync(join(here.folder, "out.jsonl"), 0o644)
  expect((await run()).code).toBe(0)
  expect([vendor.stats().arrived, linesOf(join(here.folder, "out.jsonl")).length]).toEqual([4, 4])
})

test.each<[string, (terminal: Terminal) => Terminal, string]>([
  [
    "listening to signals",
    (terminal) => ({
      ...terminal,
      onInterrupt() {
        throw new Error("no signals here")
      },
    }),
    "no signals here",
  ],
  [
    "the input",
    (terminal) => ({
      ...terminal,
      stdin: Readable.from(
        (async function* () {
          yield Buffer.from('{"text":"a"}\n')
          await new Promise((resolve) => setTimeout(resolve, 20))
          throw new Error("the disk is gone")
        })(),
      ),
    }),
    "the disk is gone",
  ],
])("%s throws once the display is there: the command ends, and no timer stays", async (_what, change, message) => {
  const timers = new Set<object>()
  const clock: Clock = {
    ...systemClock,
    setTimer(delayMs, fn) {
      const timer = {}
      timers.add(timer)
      const cancel = systemClock.setTimer(delayMs, () => {
        timers.delete(timer)
        fn()
      })
      return () => {
        timers.delete(timer)
        cancel()
      }
    },
  }
  const here = place(3)
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  let told = ""
  stderr.on("data", (chunk) => (told += String(chunk)))
  const terminal = { stdin: Readable.from([]), stdout, stderr, env: {}, clock, onInterrupt: () => () => {} }
  const args = ["run", "-", "-p", "{{text}}", "-m", "noop:", "-o", join(here.folder, "out.jsonl")]
  const code = await runProgram(args, change(terminal))
  expect([code, told]).toEqual([1, expect.stringContaining(message)])
  expect(timers.size).toBe(0)
})

test.each([
  ["out.jsonl.failed.jsonl", ["-o", "out.jsonl"]],
  ["out.jsonl.partial", ["-o", "out.jsonl"]],
  ["run.journal.failed.jsonl", ["--journal", "run.journal"]],
])("a file of somebody else's, %s, is left as it was, and the command says so", async (name, args) => {
  const vendor = await labVendor({ faults: { rates: { billing: 0 } } })
  const here = place(3, vendor)
  writeFileSync(join(here.folder, name), precious)
  const { code, stderr } = await run(here, ...args)
  expect([code, stderr]).toEqual([2, expect.stringContaining(`${name} exists`)])
  expect(readFileSync(join(here.folder, name), "utf8")).toBe(precious)
  expect(vendor.stats().arrived).toBe(0)
})

test("failures of a run to standard output: each command has a file of its own, the summary names it, and none stays where nothing failed", async () => {
  const vendor = await speakingVendor(() => ({ choice: { message: { content: "" } } }))
  const here = place(2)
  const failing = ["run", "in.jsonl", "-p", "{{text}}", ...vendor.args]
  for (const name of ["sluice.failed.jsonl", "sluice.2.failed.jsonl"]) {
    const { code, stderr } = await ended(start(here, failing))
    expect([code, stderr]).toEqual([1, expect.stringContaining(`0 ok, 2 failed. Failures: ${name}.`)])
    expect(linesOf(join(here.folder, name))).toHaveLength(2)
  }
  const before = readdirSync(here.folder)
  const fine = ["run", "in.jsonl", "-p", "{{text}}", "-m", "noop:"]
  expect((await ended(start(here, fine))).code).toBe(0)
  expect(readdirSync(here.folder)).toEqual(before)
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

/** Answers every second call; refuses the others for good. Each takes 20 ms. */
async function halfVendor(): Promise<{ readonly url: string; readonly arrived: () => number }> {
  let arrived = 0
  const server = createServer((request, response) => {
    const isRefused = arrived++ % 2 === 1
    const body = isRefused ? { error: { message: "no" } } : { choices: [{ message: { content: "yes" } }] }
    request.resume().on("end", () =>
      setTimeout(() => {
        response.writeHead(isRefused ? 400 : 200, { "content-type": "application/json" }).end(JSON.stringify(body))
      }, 20),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => server.close().closeAllConnections())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, arrived: () => arrived }
}

test.each([
  ["the results, removed", "out.jsonl", false],
  ["the results, replaced", "out.jsonl", true],
  ["the failures, removed", "out.jsonl.failed.jsonl", false],
])(
  "%s while the run writes: not told as written, and the same command writes them anew",
  async (_what, name, isReplaced) => {
    const vendor = await halfVendor()
    const here = place(80, vendor as never)
    const path = join(here.folder, name)
    const args = [...here.args, "-o", "out.jsonl", "--concurrency", "2"]
    const first = start(here, args)
    const end = ended(first)
    await vi.waitUntil(() => linesOfSafe(path) >= 5, { timeout: 20_000 })
    rmSync(path)
    if (isReplaced) writeFileSync(path, precious)
    const { code, stderr } = await end
    expect([code, stderr]).toEqual([1, expect.stringContaining(`${name} was ${isReplaced ? "replaced" : "removed"}`)])
    if (isReplaced) {
      expect(readFileSync(path, "utf8")).toBe(precious)
      rmSync(path)
    }
    expect((await ended(start(here, args))).code).toBe(1)
    const counts = ["out.jsonl", "out.jsonl.failed.jsonl"].map((each) => linesOf(join(here.folder, each)).length)
    expect(counts[0]! + counts[1]!).toBe(80)
    // What was answered is not paid for again.
    expect(vendor.arrived()).toBeLessThanOrEqual(82)
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

test("results among the inputs: a glob leaves out what the command writes itself, and a file that was named is refused", async () => {
  const folder = temporaryFolder()
  const at = (name: string): string => join(folder, name)
  writeFileSync(at("a.jsonl"), '{"text":"a"}\n')
  const question = ["-p", "{{text}}", "-m", "noop:", "--accept-truncated"]
  const run = (input: string, out: string) => sluice(["run", at(input), ...question, "-o", at(out)])
  for (const _again of [1, 2, 3]) expect((await run("*.jsonl", "out.jsonl")).stderr).toContain("Done. 1 ok, 0 failed")
  writeFileSync(at("t.csv"), "text\na\n")
  for (const _again of [1, 2]) expect((await run("*.csv", "table.csv")).stderr).toContain("Done. 1 ok, 0 failed")
  const before = readFileSync(at("a.jsonl"), "utf8")
  for (const [input, out] of [
    ["a.jsonl", "a.jsonl"],
    ["out.jsonl", "out.jsonl"],
    ["table.csv.jsonl", "table.csv"],
  ] as const) {
    const { code, stderr } = await run(input, out)
    expect([code, stderr]).toEqual([
      2,
      `sluice: ${at(input)} is the input, and where this command writes its results. Choose another --out.\n`,
    ])
  }
  expect(readFileSync(at("a.jsonl"), "utf8")).toBe(before)
})
