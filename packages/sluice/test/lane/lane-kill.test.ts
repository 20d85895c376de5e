import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { startVendor } from "@sluice/lab"
import { expect, it, onTestFinished } from "vitest"

async function over(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit")
}

const program = join(import.meta.dirname, "run-lane.ts")

it.each(["submitted", "progress"])(
  "a process that is killed once its batch is %s leaves it to the next one",
  async (state) => {
    const vendor = await startVendor({ answer: "echo", batch: { processingMs: 4_000 } })
    const folder = await mkdtemp(join(tmpdir(), "sluice-lane-"))
    onTestFinished(async () => {
      await vendor.stop()
      await rm(folder, { recursive: true })
    })
    const start = () => {
      const args = ["--conditions=@sluice/source", program, vendor.url, join(folder, "run.db")]
      return spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })
    }
    const first = start()
    for await (const line of createInterface(first.stdout)) if (line === state) first.kill("SIGKILL")
    await over(first)
    expect(first.signalCode).toBe("SIGKILL")

    const second = start()
    const lines: string[] = []
    for await (const line of createInterface(second.stdout)) lines.push(line)
    await over(second)
    expect([second.exitCode, lines[0], lines.at(-1)]).toEqual([
      0,
      "adopted",
      Array.from({ length: 20 }, (_, index) => `Text ${index}`).join(","),
    ])
    expect(vendor.stats()).toMatchObject({ arrived: 0, batches: { jobs: 1, answered: 20, repeats: 0 } })
  },
  60_000,
)
