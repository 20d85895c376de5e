import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test, vi } from "vitest"
import { ended, linesOf } from "./sluice.ts"
import { labVendor, place, start } from "./set-up.ts"

vi.setConfig({ testTimeout: 60_000 })

const out = ["-o", "out.jsonl"]
const until = (fn: () => boolean): Promise<unknown> => vi.waitUntil(fn, { timeout: 20_000, interval: 5 })

/** A second, and what a busy machine takes for the rest. What is waited for takes minutes. */
const soonMs = 4_000

/** How long it takes from the signal to the end, and how it ended. */
async function interrupted(child: ReturnType<typeof start>, signal: NodeJS.Signals) {
  const end = ended(child)
  const from = performance.now()
  child.kill(signal)
  return { ...(await end), ms: performance.now() - from }
}

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s while calls wait for admission: what was answered stays, nothing more is sent, and it ends within a second",
  async (signal) => {
    const vendor = await labVendor()
    const here = place(50, vendor)
    const child = start(here, [...here.args, ...out, "--rpm", "5"])
    await until(() => vendor.stats().answered === 5)
    const { code, stderr, ms } = await interrupted(child, signal)
    expect({ code, ms: ms < soonMs }).toEqual({ code: 130, ms: true })
    expect(stderr).toContain("Interrupted. 5 ok, 0 failed.")
    expect(vendor.stats().arrived).toBe(5)
    expect(linesOf(join(here.folder, "out.jsonl"))).toHaveLength(5)
    expect(linesOf(join(here.folder, "out.jsonl.failed.jsonl"))).toEqual([])
  },
)

test("while the vendor's gate is closed for a minute", async () => {
  const vendor = await labVendor({ limits: { requests: { limit: 3, model: "fixed" } }, headers: "none" })
  const here = place(50, vendor)
  const child = start(here, [...here.args, ...out])
  await until(() => vendor.stats().arrived > vendor.stats().answered && vendor.stats().answered === 3)
  const { code, stderr, ms } = await interrupted(child, "SIGINT")
  expect({ code, ms: ms < soonMs }).toEqual({ code: 130, ms: true })
  expect(stderr).toContain("Interrupted. 3 ok, 0 failed.")
})

test("while a call waits to be sent again", async () => {
  const vendor = await labVendor({ faults: { rates: { error500: 1 } } })
  const here = place(1, vendor)
  const child = start(here, [...here.args, ...out])
  // The fourth try comes seconds after the third.
  await until(() => vendor.stats().arrived >= 3)
  const { code, stderr, ms } = await interrupted(child, "SIGINT")
  expect({ code, ms: ms < soonMs }).toEqual({ code: 130, ms: true })
  expect(stderr).toContain("Interrupted. 0 ok, 0 failed.")
})

test("only what is in flight is finished", async () => {
  const vendor = await labVendor({ latency: { baseMs: 1_500, perOutputTokenMs: 0 } })
  const here = place(50, vendor)
  const child = start(here, [...here.args, ...out, "--concurrency", "4"])
  // The first goes alone.
  await until(() => vendor.stats().arrived === 5)
  const { code, stderr } = await interrupted(child, "SIGTERM")
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
  expect(readdirSync(here.temporary)).toEqual([])
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
  expect(readdirSync(here.temporary)).toEqual([])
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

test.skipIf(process.platform === "win32")("killed, it leaves no answer in the temporary folder", async () => {
  const vendor = await labVendor({ latency: { baseMs: 20, perOutputTokenMs: 0 } })
  const here = place(400, vendor)
  const child = start(here, [...here.args, "--concurrency", "4"])
  child.stdout?.resume()
  await until(() => vendor.stats().answered > 20)
  await interrupted(child, "SIGKILL")
  expect(readdirSync(here.temporary)).toEqual([])
})
