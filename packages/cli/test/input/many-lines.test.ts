import { spawn } from "node:child_process"
import { closeSync, openSync, statSync, writeSync } from "node:fs"
import { join } from "node:path"
import { parquetWriteFile } from "hyparquet-writer"
import { expect, test } from "vitest"
import { peakOf, tellingPeak, withPage } from "../command/peak-memory.ts"
import { ended, program, temporaryFolder } from "../command/sluice.ts"

// SLUICE_LINES=1000000 for the large form, which also says how long it took; SLUICE_UI=1 with a page that nobody looks at.
const count = Number(process.env["SLUICE_LINES"] ?? 50_000)
// From source, which takes 30 MB more than the command as it is published. What grows with the lines are a few bytes each.
// A page knows some fifty bytes of each item, and its heap has more room.
const mostMb = (count > 50_000 ? 185 : 165) + (withPage.length > 0 ? 80 : 0)

const textOf = (id: number): string => `word ${id} of a text that is as long as a sentence`

function writeLines(path: string, lineOf: (id: number) => string, header = ""): void {
  const file = openSync(path, "w")
  writeSync(file, header)
  for (let id = 0; id < count; id++) writeSync(file, `${lineOf(id)}\n`)
  closeSync(file)
}

const kinds: Readonly<Record<string, (path: string) => void>> = {
  jsonl: (path) => writeLines(path, (id) => JSON.stringify({ id, text: textOf(id) })),
  csv: (path) => writeLines(path, (id) => `${id},"${textOf(id)}"`, "id,text\n"),
  parquet: (filename) => writeParquet(filename, 20_000),
  // As pandas writes up to a million rows.
  "parquet in one group of rows": (filename) => writeParquet(filename, count),
}

function writeParquet(filename: string, rowGroupSize: number): void {
  const ids = Array.from({ length: count }, (_, id) => id)
  const columnData = [
    { name: "id", data: ids.map(BigInt), type: "INT64" as const },
    { name: "text", data: ids.map(textOf), type: "STRING" as const },
  ]
  parquetWriteFile({ filename, columnData, rowGroupSize })
}

test.each(Object.entries(kinds))(
  `${count} lines of %s through a run, and through the same command again: never more than ${mostMb} MB`,
  async (kind, write) => {
    const folder = temporaryFolder()
    const input = `in.${kind.split(" ", 1)[0]}`
    write(join(folder, input))
    const sources = ["--conditions=@sluice/source", ...tellingPeak]
    const args = ["run", input, "-p", "Say {{text}}", "-m", "noop:", "-o", "out.jsonl", "-q", ...withPage]
    const outBytes = (): number => statSync(join(folder, "out.jsonl")).size
    const run = async (): Promise<void> => {
      const fromMs = performance.now()
      const { code, stderr } = await ended(spawn(process.execPath, [...sources, program, ...args], { cwd: folder }))
      const peakMb = peakOf(stderr)
      if (count >= 1_000_000)
        console.log(`${kind}: ${((performance.now() - fromMs) / 1_000).toFixed(1)} s, ${peakMb.toFixed(0)} MB`)
      expect([code, peakMb > 40]).toEqual([0, true])
      expect(peakMb).toBeLessThanOrEqual(mostMb)
    }
    await run()
    const written = outBytes()
    expect(written).toBeGreaterThan(count * 50)
    await run()
    expect(outBytes()).toBe(written)
  },
  60_000 + 2 * count,
)
