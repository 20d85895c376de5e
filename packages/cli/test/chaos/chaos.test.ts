import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { openJournal } from "@sluice/journal"
import type { ServerOptions, VendorServer } from "@sluice/lab"
import { expect, onTestFinished, test } from "vitest"
import { countingVendor, killAndResume, repeatedWithoutCause } from "./kill-and-resume.ts"
import { ended, linesOf, program, startSluice, startTelling, temporaryFolder } from "../command/sluice.ts"

// SLUICE_CHAOS=50 for a long run of 5,000 items.
const kills = Number(process.env["SLUICE_CHAOS"] ?? 3)
const items = kills > 3 ? kills * 100 : 150
const concurrency = 8
const random = { next: Math.random }

async function setUp(faults: NonNullable<ServerOptions["faults"]> = {}): Promise<{
  vendor: VendorServer
  calls: ReadonlyMap<string, number>
  folder: string
  args: string[]
  out: string
}> {
  const { vendor, calls } = await countingVendor({ latency: { baseMs: 30, perOutputTokenMs: 0 }, faults })
  onTestFinished(() => vendor.stop())
  const folder = temporaryFolder()
  const inputs = Array.from({ length: items }, (_, id) => JSON.stringify({ id, text: `word ${id}` }))
  writeFileSync(join(folder, "in.jsonl"), inputs.join("\n"))
  const model = ["-m", "openai-compatible:x", "--base-url", `${vendor.url}/v1`]
  const limits = ["--concurrency", String(concurrency)]
  const args = ["run", "in.jsonl", "-p", "Say {{text}}.", ...model, "-o", "out.jsonl", ...limits]
  return { vendor, calls, folder, args, out: join(folder, "out.jsonl") }
}

async function expectWhole(folder: string, out: string): Promise<void> {
  const lines = linesOf(out)
  expect(lines.map(({ index }) => index)).toEqual(Array.from({ length: items }, (_, index) => index))
  for (const { input, output } of lines) expect(output).toContain(`${(input as { text: string }).text}.`)
  const journal = openJournal({ path: join(folder, "out.jsonl.journal"), readOnly: true })
  expect(journal.runs()).toMatchObject([{ status: "ok", ok: items, failed: 0 }])
  await journal.close()
}

test(
  `SIGKILL at ${kills} random moments of ${items} items: each has one result, and no more is repeated than was in flight`,
  async () => {
    const { vendor, calls, folder, args, out } = await setUp()
    const { kills: killed, last } = await killAndResume({
      start: (stderr) => startTelling([...args, "--json"], folder, stderr),
      vendor,
      items,
      node: "run",
      kills,
      random,
      async afterKill() {
        // Not read-only: it may have been killed while it made the file.
        await using journal = openJournal({ path: `${out}.journal` })
        const kept = journal.runs().length > 0 ? [...journal.items("out.jsonl")].map(({ index }) => index) : []
        expect(new Set(kept).size).toBe(kept.length)
      },
    })
    expect(last.code).toBe(0)
    await expectWhole(folder, out)
    expect(repeatedWithoutCause(calls, killed, (index) => `Say word ${index}.`)).toEqual([])
    for (const { unsettled } of killed) expect(unsettled.length).toBeLessThanOrEqual(concurrency)
  },
  60_000 + kills * 30_000,
)

test("SIGTERM drains: what was in flight is kept, and nothing at all is repeated", async () => {
  const { vendor, folder, args, out } = await setUp()
  const start = (stderr: number) => startTelling([...args, "--json"], folder, stderr)
  const { last } = await killAndResume({ start, vendor, items, node: "run", kills: 1, signal: "SIGTERM", random })
  expect(last.code).toBe(0)
  await expectWhole(folder, out)
  expect(vendor.stats().arrived).toBe(items)
}, 120_000)

test.skipIf(process.platform === "win32")(
  "a disk that takes no more (ulimit): one clear line, exit code 1, and with space the same command goes on",
  async () => {
    const { vendor, folder, args, out } = await setUp()
    const script = `trap '' XFSZ; ulimit -f 120; exec "$0" --conditions=@sluice/source "$@"`
    const full = await ended(spawn("bash", ["-c", script, process.execPath, program, ...args, "-q"], { cwd: folder }))
    expect(full.code).toBe(1)
    expect(full.stderr).toMatch(/^sluice: Cannot (use the journal|write) .*\n$/)
    const answered = vendor.stats().answered
    expect(answered).toBeLessThan(items)
    expect(await ended(startSluice([...args, "-q"], folder))).toMatchObject({ code: 0, stderr: "" })
    await expectWhole(folder, out)
    expect(vendor.stats().arrived - items).toBeLessThanOrEqual(concurrency)
  },
  120_000,
)

test("a vendor that tears connections down, fails and garbles: every item still has its one result", async () => {
  const { folder, args, out } = await setUp({ rates: { outage: 0.05, error503: 0.05, reset: 0.03, error500: 0.03 } })
  expect(await ended(startSluice([...args, "-q"], folder))).toMatchObject({ code: 0, stderr: "" })
  await expectWhole(folder, out)
}, 120_000)
