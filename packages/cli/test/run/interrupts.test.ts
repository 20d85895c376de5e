import { execFileSync } from "node:child_process"
import { once } from "node:events"
import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs"
import { open } from "node:fs/promises"
import { join } from "node:path"
import { expect, onTestFinished, test, vi } from "vitest"
import { ended, linesOf, startSluice } from "../command/sluice.ts"
import { labVendor, place, start } from "../command/set-up.ts"
import { speakingVendor } from "../command/speaking-vendor.ts"

vi.setConfig({ testTimeout: 60_000 })

const out = ["-o", "out.jsonl"]
const until = (fn: () => boolean): Promise<unknown> => vi.waitUntil(fn, { timeout: 20_000, interval: 5 })

/** Every file in the temporary folder. What a run tells `sluice ps` is none of its answers, and only a kill leaves it. */
function leftIn(temporary: string): string[] {
  const files = readdirSync(temporary, { recursive: true, withFileTypes: true }).filter((one) => !one.isDirectory())
  return files
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((file) => !/\/sluice-[^/]+\/\d+-\d+\.json$/.test(file) || readFileSync(file, "utf8").includes("word"))
}

/** How long it takes from the signal to the end, and how it ended. */
async function interrupted(child: ReturnType<typeof start>, signal: NodeJS.Signals) {
  const end = ended(child)
  const from = performance.now()
  child.kill(signal)
  return { ...(await end), ms: performance.now() - from }
}

/** What is waited for takes minutes; that a busy machine takes its time once, or twice, says nothing. */
const tries = 5

/** Ends within a second in one of some tries: what waits for something itself does so in none. */
async function soon(once: () => Promise<number>): Promise<void> {
  const took: number[] = []
  do took.push(await once())
  while (took.at(-1)! >= 1_000 && took.length < tries)
  expect(Math.min(...took)).toBeLessThan(1_000)
}

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s while calls wait for admission: what was answered stays, nothing more is sent, and it ends within a second",
  async (signal) => {
    await soon(async () => {
      const vendor = await labVendor()
      const here = place(50, vendor)
      const child = start(here, [...here.args, ...out, "--rpm", "5"])
      await until(() => vendor.stats().answered === 5)
      const { code, stderr, ms } = await interrupted(child, signal)
      expect(code).toBe(130)
      expect(stderr).toContain("Interrupted. 5 ok, 0 failed.")
      expect(vendor.stats().arrived).toBe(5)
      expect(linesOf(join(here.folder, "out.jsonl"))).toHaveLength(5)
      expect(linesOf(join(here.folder, "out.jsonl.failed.jsonl"))).toEqual([])
      return ms
    })
  },
)

test("while the vendor's gate is closed for a minute", async () => {
  await soon(async () => {
    const vendor = await labVendor({ limits: { requests: { limit: 3, model: "fixed" } }, headers: "none" })
    const here = place(50, vendor)
    const child = start(here, [...here.args, ...out])
    await until(() => vendor.stats().arrived > vendor.stats().answered && vendor.stats().answered === 3)
    const { code, stderr, ms } = await interrupted(child, "SIGINT")
    expect(code).toBe(130)
    expect(stderr).toContain("Interrupted. 3 ok, 0 failed.")
    return ms
  })
})

test("while a call waits to be sent again", async () => {
  await soon(async () => {
    const vendor = await labVendor({ faults: { rates: { error500: 1 } } })
    const here = place(1, vendor)
    const child = start(here, [...here.args, ...out])
    // The fourth try comes seconds after the third.
    await until(() => vendor.stats().arrived >= 3)
    const { code, stderr, ms } = await interrupted(child, "SIGINT")
    expect(code).toBe(130)
    expect(stderr).toContain("Interrupted. 0 ok, 0 failed.")
    return ms
  })
})

test("while standard input has no more lines yet", async () => {
  await soon(async () => {
    const here = place(3)
    const child = startSluice(["run", "-", "-p", "{{text}}", "-m", "noop:", ...out], here.folder)
    onTestFinished(() => void child.kill("SIGKILL"))
    child.stdin.write(readFileSync(join(here.folder, "in.jsonl")))
    const results = join(here.folder, "out.jsonl")
    await until(() => existsSync(results) && readFileSync(results, "utf8").split("\n").length === 4)
    const { code, stderr, ms } = await interrupted(child, "SIGINT")
    expect([code, stderr]).toEqual([130, expect.stringContaining("Interrupted. 3 ok, 0 failed.")])
    return ms
  })
})

const fifo = (path: string): Buffer => execFileSync("mkfifo", [path])

test.skipIf(process.platform === "win32").each([
  ["that nobody writes", "SIGINT", undefined],
  ["whose writer has nothing to say yet", "SIGTERM", '{"text":"one"}\n'],
] as const)("while it waits for a named pipe %s", async (_name, signal, said) => {
  await soon(async () => {
    const here = place(0)
    const pipe = join(here.folder, "pipe.jsonl")
    fifo(pipe)
    const child = startSluice(["run", "pipe.jsonl", "-p", "{{text}}", "-m", "noop:", ...out], here.folder)
    onTestFinished(() => void child.kill("SIGKILL"))
    const results = join(here.folder, "out.jsonl")
    // Without waiting for a reader: opened for reading, too.
    const writer = said === undefined ? undefined : openSync(pipe, "r+")
    if (writer !== undefined) writeSync(writer, said!)
    // It tells how far it is, or has answered: it hears signals.
    if (writer === undefined) await once(child.stderr, "data")
    else await until(() => existsSync(results) && readFileSync(results, "utf8") !== "")
    const { code, stderr, ms } = await interrupted(child, signal)
    expect([code, stderr]).toEqual([130, expect.stringContaining(`Interrupted. ${said ? 1 : 0} ok, 0 failed.`)])
    if (writer !== undefined) closeSync(writer)
    return ms
  })
})

test.skipIf(process.platform === "win32")("a named pipe is read to the end, however late it is written", async () => {
  const here = place(3)
  const pipe = join(here.folder, "pipe.jsonl")
  fifo(pipe)
  const child = startSluice(["run", "pipe.jsonl", "-p", "{{text}}", "-m", "noop:", ...out], here.folder)
  const end = ended(child)
  await until(() => existsSync(join(here.folder, "out.jsonl")))
  // Opening it waits for the reader.
  const writer = await open(pipe, "w")
  for (const line of readFileSync(join(here.folder, "in.jsonl"), "utf8").split(/(?<=\n)/)) {
    await writer.write(line.slice(0, 5))
    await writer.write(line.slice(5))
  }
  const large = "x".repeat(200_000)
  await writer.write(`${JSON.stringify({ text: large })}\n`)
  await writer.close()
  expect((await end).code).toBe(0)
  expect(linesOf(join(here.folder, "out.jsonl")).map(({ input }) => (input as { text: string }).text)).toEqual([
    "word 0",
    "word 1",
    "word 2",
    large,
  ])
})

test.skipIf(process.platform === "win32")("a named pipe is no place for results: told at once", async () => {
  const here = place(1)
  fifo(join(here.folder, "pipe.jsonl"))
  const { code, stderr } = await ended(start(here, [...here.args, "-o", "pipe.jsonl"]))
  expect([code, stderr]).toEqual([
    2,
    "sluice: pipe.jsonl is not a file. Choose another --out, or - for standard output.\n",
  ])
})

test.skipIf(process.platform === "win32").each(["-", "pipe.jsonl"])(
  "a run that stops by itself does not wait for what %s may still bring",
  async (input) => {
    const vendor = await speakingVendor(() => ({ status: 422, message: "no such thing" }))
    const here = place(1)
    const pipe = join(here.folder, "pipe.jsonl")
    fifo(pipe)
    const args = ["run", input, "-p", "{{text}}", ...vendor.args, ...out, "--max-failures", "1"]
    const child = startSluice(args, here.folder)
    onTestFinished(() => void child.kill("SIGKILL"))
    const writer = openSync(pipe, "r+")
    if (input === "-") child.stdin.write('{"text":"one"}\n')
    else writeSync(writer, '{"text":"one"}\n')
    const { code, stderr } = await ended(child)
    closeSync(writer)
    expect([code, stderr]).toEqual([3, expect.stringContaining("Stopped: 1 input failed")])
  },
)

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s: only what is in flight is finished", async (signal) => {
  const vendor = await labVendor({ latency: { baseMs: 1_500, perOutputTokenMs: 0 } })
  const here = place(50, vendor)
  const child = start(here, [...here.args, ...out, "--concurrency", "4"])
  // The first goes alone.
  await until(() => vendor.stats().arrived === 5)
  const { code, stderr } = await interrupted(child, signal)
  expect(code).toBe(130)
  expect(stderr).toContain("Interrupted. 5 ok, 0 failed.")
  expect(vendor.stats()).toMatchObject({ arrived: 5, answered: 5 })
  expect(linesOf(join(here.folder, "out.jsonl"))).toHaveLength(5)
})

test("after a second Ctrl-C the summary counts what is on disk", async () => {
  const vendor = await labVendor({ limits: {}, schedule: [], faults: { rates: { hang: 0.2 } }, seed: 3 })
  const here = place(40, vendor)
  const child = start(here, [...here.args, ...out, "--concurrency", "40"])
  await until(() => vendor.stats().arrived === 40 && vendor.stats().answered >= 25)
  await new Promise((resolve) => setTimeout(resolve, 500))
  child.kill("SIGINT")
  await new Promise((resolve) => setTimeout(resolve, 300))
  const { code, stderr } = await interrupted(child, "SIGINT")
  expect(code).toBe(130)
  const { answered } = vendor.stats()
  expect(stderr).toContain(`Interrupted. ${answered} ok, 0 failed.`)
})

test("a reader that has seen enough (| head): no stack trace, exit, and no answer is left in the temporary folder", async () => {
  const vendor = await labVendor({ latency: { baseMs: 20, perOutputTokenMs: 0 } })
  const here = place(400, vendor)
  const shell = '"$@" --concurrency 4 2> err.txt | head -1; exit ${PIPESTATUS[0]}'
  const { code, stdout } = await ended(start(here, here.args, { shell }))
  expect([code, stdout.split("\n").length]).toEqual([0, 2])
  expect(readFileSync(join(here.folder, "err.txt"), "utf8")).not.toMatch(/^ +at |EPIPE/m)
  expect(vendor.stats().arrived).toBeLessThan(400)
  expect(leftIn(here.temporary)).toEqual([])
})

test("a reader that has seen enough of a run with a journal: what was paid for is in it", async () => {
  const vendor = await labVendor({ latency: { baseMs: 20, perOutputTokenMs: 0 } })
  const here = place(400, vendor)
  const shell = '"$@" --concurrency 4 2> err.txt | head -1; exit ${PIPESTATUS[0]}'
  const args = [...here.args, "--journal", "run.journal"]
  expect((await ended(start(here, args, { shell }))).code).toBe(0)
  const { answered } = vendor.stats()
  const again = await ended(start(here, [...args, "-q"]))
  expect([again.code, again.stdout.trimEnd().split("\n").length]).toEqual([0, 400])
  expect(vendor.stats().answered - answered).toBe(400 - answered)
})

test.skipIf(process.platform !== "linux")("a full standard output is told in one line, exit code 1", async () => {
  const vendor = await labVendor()
  const here = place(20, vendor)
  const { code, stderr } = await ended(start(here, [...here.args, "-q"], { shell: '"$@" > /dev/full' }))
  expect([code, stderr.trimEnd().split("\n")]).toEqual([
    1,
    [expect.stringMatching(/^sluice: Cannot write standard output: .*no space left/i)],
  ])
  expect(leftIn(here.temporary)).toEqual([])
})

test.skipIf(process.platform !== "linux")(
  "other commands at a full or closed standard output: one line or none",
  async () => {
    const here = place(200)
    await ended(start(here, [...here.args, ...out]))
    const full = await ended(start(here, ["export", "out.jsonl"], { shell: '"$@" > /dev/full' }))
    expect([full.code, full.stderr.trimEnd().split("\n").length]).toEqual([1, 1])
    const closed = await ended(start(here, ["export", "out.jsonl"], { shell: '"$@" | true; exit ${PIPESTATUS[0]}' }))
    expect([closed.code, closed.stderr]).toEqual([0, ""])
  },
)

test("a standard error that nobody reads does not end a run", async () => {
  const vendor = await labVendor({ latency: { baseMs: 20, perOutputTokenMs: 0 } })
  const here = place(40, vendor)
  const shell = '{ "$@" --json --concurrency 2 2>&1 1>&3 | true; } 3>&1'
  await ended(start(here, [...here.args, ...out], { shell }))
  expect(linesOf(join(here.folder, "out.jsonl"))).toHaveLength(40)
})

test.skipIf(process.platform === "win32")(
  "hung up with its results on standard output, it leaves no answer in the temporary folder",
  async () => {
    const vendor = await labVendor({ latency: { baseMs: 20, perOutputTokenMs: 0 } })
    const here = place(400, vendor)
    const child = start(here, [...here.args, "--concurrency", "4"])
    await until(() => vendor.stats().answered > 20)
    const { code, stdout } = await interrupted(child, "SIGHUP")
    expect(code).toBe(130)
    // What was paid for is told, and nowhere else.
    expect(stdout.trimEnd().split("\n")).toHaveLength(vendor.stats().answered)
    expect(leftIn(here.temporary)).toEqual([])
  },
)

test.skipIf(process.platform === "win32")("killed, it leaves no answer in the temporary folder", async () => {
  const vendor = await labVendor({ latency: { baseMs: 20, perOutputTokenMs: 0 } })
  const here = place(400, vendor)
  const child = start(here, [...here.args, "--concurrency", "4"])
  child.stdout?.resume()
  await until(() => vendor.stats().answered > 20)
  await interrupted(child, "SIGKILL")
  expect(leftIn(here.temporary)).toEqual([])
})
