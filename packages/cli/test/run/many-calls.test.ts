import { spawn } from "node:child_process"
import { closeSync, openSync, writeSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { labVendor } from "../command/set-up.ts"
import { peakOf, tellingPeak, withPage } from "../command/peak-memory.ts"
import { ended, linesOf, program, temporaryFolder } from "../command/sluice.ts"

// SLUICE_CALLS=300000 for the large form, which also says how long it took; SLUICE_UI=1 with a page that nobody looks at.
const count = Number(process.env["SLUICE_CALLS"] ?? 3_000)

test(
  `${count} lines over HTTP, each answered once: never more than 250 MB`,
  async () => {
    const vendor = await labVendor()
    const folder = temporaryFolder()
    const file = openSync(join(folder, "in.jsonl"), "w")
    for (let id = 0; id < count; id++) {
      writeSync(file, `${JSON.stringify({ id, text: `word ${id} of a text that is as long as a sentence` })}\n`)
    }
    closeSync(file)
    const sources = ["--conditions=@sluice/source", ...tellingPeak]
    const model = ["-m", "openai-compatible:x", "--base-url", `${vendor.url}/v1`, "--concurrency", "64"]
    const args = [
      "run",
      "in.jsonl",
      "-p",
      "Say {{text}}",
      ...model,
      "-o",
      "out.jsonl",
      "--fields",
      "index,output",
      "-q",
      ...withPage,
    ]
    const fromMs = performance.now()
    const { code, stderr } = await ended(spawn(process.execPath, [...sources, program, ...args], { cwd: folder }))
    const peakMb = peakOf(stderr)
    const seconds = (performance.now() - fromMs) / 1_000
    if (count >= 100_000) console.log(`${seconds.toFixed(0)} s, ${peakMb.toFixed(0)} MB`)
    expect([code, vendor.stats().arrived, peakMb > 40]).toEqual([0, count, true])
    expect(peakMb).toBeLessThanOrEqual(250)
    if (count <= 10_000) expect(linesOf(join(folder, "out.jsonl"))).toHaveLength(count)
  },
  60_000 + 20 * count,
)
