import { join } from "node:path"
import { expect, onTestFinished, test, vi } from "vitest"
import { ended, linesOf, startSluice } from "../command/sluice.ts"
import { labVendor, place } from "../command/set-up.ts"

vi.setConfig({ testTimeout: 120_000 })

test.each(["openai", "none"] as const)(
  "lines that come one by one, each after the answer to the one before, %s headers: none waits for ever",
  async (headers) => {
    const vendor = await labVendor({ limits: { requests: 600 }, headers, latency: { baseMs: 20, perOutputTokenMs: 0 } })
    const here = place(0, vendor)
    const child = startSluice(["run", "-", ...here.args.slice(2), "-o", "out.jsonl"], here.folder)
    onTestFinished(() => void child.kill("SIGKILL"))
    const end = ended(child)
    for (let id = 0; id < 8; id++) {
      child.stdin.write(`${JSON.stringify({ text: `word ${id}` })}\n`)
      await vi.waitUntil(() => vendor.stats().answered === id + 1, { timeout: 30_000, interval: 5 })
    }
    child.stdin.end()
    expect(await end).toMatchObject({ code: 0 })
    expect(vendor.stats()).toMatchObject({ arrived: 8, answered: 8, maxInFlight: 1 })
    expect(linesOf(join(here.folder, "out.jsonl"))).toHaveLength(8)
  },
)
