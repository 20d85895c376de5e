import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { openJournal } from "@sluice/journal"
import { expect, test, vi } from "vitest"
import { keptFrame } from "../../src/watch/kept-frame.ts"
import { ended, linesOf, sluice } from "../command/sluice.ts"
import { labVendor, place, start } from "../command/set-up.ts"

vi.setConfig({ testTimeout: 60_000 })

/** Somebody presses Ctrl-C as soon as a command listens for the `nth` time. */
class PressedAt extends Set<() => void> {
  #left: number

  constructor(nth: number) {
    super()
    this.#left = nth
  }

  override add(listener: () => void): this {
    if (--this.#left === 0) queueMicrotask(listener)
    return super.add(listener)
  }
}

test.each([
  ["while its inputs are looked at", 1, "Interrupted before anything was asked.\n"],
  ["when all is open", 2, "Interrupted. 0 ok, 0 failed. The same command goes on from here.\n"],
])("Ctrl-C %s: nothing is asked, nothing stays, and the same command does it all", async (_when, nth, words) => {
  const vendor = await labVendor()
  const here = place(20, vendor)
  const [_run, _input, ...question] = here.args
  const args = ["run", join(here.folder, "in.jsonl"), ...question, "-o", join(here.folder, "out.jsonl")]
  const before = readdirSync(here.folder)
  const { code, stderr } = await sluice(args, { interrupts: new PressedAt(nth) })
  expect([code, vendor.stats().arrived, readdirSync(here.folder)]).toEqual([130, 0, before])
  expect(stderr).toContain(words)
  expect((await sluice([...args, "-q"])).code).toBe(0)
  expect(linesOf(join(here.folder, "out.jsonl"))).toHaveLength(20)
  // What is there stays there.
  const more = await sluice([...args, "-q"], { interrupts: new PressedAt(nth) })
  expect([more.code, linesOf(join(here.folder, "out.jsonl")).length]).toEqual([130, 20])
})

test("a process that is left before its first answer leaves no journal and no results, at whatever moment", async () => {
  const vendor = await labVendor({ latency: { baseMs: 3_600_000, perOutputTokenMs: 0 } })
  const here = place(20, vendor)
  const before = readdirSync(here.folder)
  const child = start(here, [...here.args, "-o", "out.jsonl", "-q"])
  let isEnded = false
  const end = ended(child).finally(() => (isEnded = true))
  const until = (fn: () => boolean): Promise<unknown> => vi.waitUntil(fn, { timeout: 30_000, interval: 1 })
  await until(() => existsSync(join(here.folder, "out.jsonl.journal")))
  child.kill("SIGINT")
  // It came before the first call, or that one is waited for until the second.
  await until(() => isEnded || vendor.stats().arrived > 0)
  if (!isEnded) child.kill("SIGINT")
  expect((await end).code).toBe(130)
  expect(readdirSync(here.folder)).toEqual(before)
})

test("a run that was killed while it was paused is not called paused when it goes on", async () => {
  const here = place(3)
  const [out, path] = [join(here.folder, "out.jsonl"), join(here.folder, "out.jsonl.journal")]
  const args = ["run", join(here.folder, "in.jsonl"), "-p", "{{text}}", "-m", "noop:", "-q", "-o", out]
  expect((await sluice(args)).code).toBe(0)
  const journal = openJournal({ path })
  const run = await journal.openRun({ runId: "out.jsonl", flow: "sluice run" })
  const shown = keptFrame(journal, "out.jsonl")!
  await run.putNote("display", { ...shown, state: { ...shown.state, pausedBy: "anna, terminal" } })
  await run.end("failed")
  await journal.close()
  expect((await sluice(args, { interrupts: new PressedAt(1) })).code).toBe(130)
  const after = openJournal({ path, readOnly: true })
  expect(keptFrame(after, "out.jsonl")).toBeUndefined()
  await after.close()
})
