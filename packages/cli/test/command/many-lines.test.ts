import { spawn } from "node:child_process"
import { closeSync, openSync, statSync, writeSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { ended, program, temporaryFolder } from "./sluice.ts"

// SLUICE_LINES=1000000 for the large form, which also says how long it took.
const count = Number(process.env["SLUICE_LINES"] ?? 50_000)
const tellsPeak = `process.on("exit", () => process.stderr.write(String(process.resourceUsage().maxRSS)))`

test(
  `${count} lines through a run, and through the same command again: never more than 200 MB`,
  async () => {
    const folder = temporaryFolder()
    const file = openSync(join(folder, "in.jsonl"), "w")
    for (let id = 0; id < count; id++) {
      writeSync(file, `${JSON.stringify({ id, text: `word ${id} of a text that is as long as a sentence` })}\n`)
    }
    closeSync(file)
    const sources = ["--conditions=@sluice/source", "--import", `data:text/javascript,${encodeURIComponent(tellsPeak)}`]
    const args = ["run", "in.jsonl", "-p", "Say {{text}}", "-m", "noop:", "-o", "out.jsonl", "-q"]
    const outBytes = (): number => statSync(join(folder, "out.jsonl")).size
    const run = async (): Promise<void> => {
      const fromMs = performance.now()
      const { code, stderr } = await ended(spawn(process.execPath, [...sources, program, ...args], { cwd: folder }))
      const peakMb = Number(stderr) / 1_024
      if (count >= 1_000_000)
        console.log(`${((performance.now() - fromMs) / 1_000).toFixed(1)} s, ${peakMb.toFixed(0)} MB`)
      expect([code, peakMb > 40]).toEqual([0, true])
      expect(peakMb).toBeLessThanOrEqual(200)
    }
    await run()
    const written = outBytes()
    expect(written).toBeGreaterThan(count * 50)
    await run()
    expect(outBytes()).toBe(written)
  },
  30_000 + count,
)
