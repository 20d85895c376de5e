import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { openJournal } from "@sluice/journal"
import { expect, test } from "vitest"
import { ended, fastProgram, linesOf, startLab, startSluice, temporaryFolder } from "../command/sluice.ts"

// SLUICE_CHAOS=50 for a long run of 5,100 items.
const kills = Number(process.env["SLUICE_CHAOS"] ?? 3)
const perRound = 100

interface Stats {
  readonly arrived: number
  readonly batches: { readonly answered: number; readonly repeats: number }
}

const jsonAt = async <T>(url: string): Promise<T> => (await (await fetch(url)).json()) as T

function writeInputs(folder: string, count: number): void {
  const lines = Array.from({ length: count }, (_, id) => `${JSON.stringify({ id, text: `word ${id}` })}\n`)
  writeFileSync(join(folder, "in.jsonl"), lines.join(""))
}

const runArgs = (url: string): string[] => [
  "run",
  "in.jsonl",
  "-p",
  "Say {{text}}.",
  "-m",
  "openai-compatible:x",
  "--base-url",
  `${url}/v1`,
  "-o",
  "out.jsonl",
  "-q",
]

function expectWhole(folder: string, count: number): void {
  const lines = linesOf(join(folder, "out.jsonl"))
  expect(lines.map(({ index }) => index)).toEqual(Array.from({ length: count }, (_, index) => index))
  for (const { index, output } of lines) expect(output).toContain(`word ${String(index)}.`)
  expect(linesOf(join(folder, "out.jsonl.failed.jsonl"))).toEqual([])
}

test.each(["SIGKILL", "SIGTERM"] as const)(
  `%s at ${kills} random moments of --lane batch, each time with ${perRound} items more: one result each, and no request is in two batches of the vendor`,
  async (signal) => {
    const folder = temporaryFolder()
    const batch = { validatingMs: 50, processingMs: 400, finalizingMs: 50 }
    writeFileSync(join(folder, "lab.json"), JSON.stringify({ batch, latency: { baseMs: 0, perOutputTokenMs: 0 } }))
    const { url } = await startLab(["--options", "lab.json", "--answer", "echo"], folder)
    const args = [...runArgs(url), "--lane", "batch"]
    const path = join(folder, "out.jsonl.journal")
    let ends = 0
    for (let round = 1; round <= kills; round++) {
      writeInputs(folder, round * perRound)
      const child = startSluice(args, folder, { main: fastProgram })
      const end = ended(child)
      while (!existsSync(path)) await pause(5)
      await pause(Math.random() * 1_500)
      child.kill(signal)
      const { code, stderr } = await end
      expect(stderr).toBe("")
      if (code !== 0) ends++
      // Not read-only: it may have been killed while it made the file.
      const journal = openJournal({ path })
      const kept = journal.runs().length > 0 ? [...journal.items("out.jsonl")].map(({ index }) => index) : []
      await journal.close()
      expect(new Set(kept).size).toBe(kept.length)
    }
    const count = (kills + 1) * perRound
    writeInputs(folder, count)
    expect(await ended(startSluice(args, folder, { main: fastProgram }))).toMatchObject({ code: 0, stderr: "" })
    expectWhole(folder, count)
    expect(ends).toBeGreaterThan(0)
    const { arrived, batches } = await jsonAt<Stats>(`${url}/lab/stats`)
    const { data } = await jsonAt<{ data: { request_counts: { total: number } }[] }>(`${url}/v1/batches?limit=100`)
    const submitted = data.reduce((sum, { request_counts }) => sum + request_counts.total, 0)
    expect({ arrived, submitted, ...batches }).toMatchObject({
      arrived: 0,
      submitted: count,
      answered: count,
      repeats: 0,
    })
  },
  60_000 + kills * 10_000,
)

test("the vendor goes down in the middle of a run and comes back: every item still has its one result", async () => {
  const folder = temporaryFolder()
  const lab = ["--latency-ms", "20", "--token-ms", "0", "--answer", "echo"]
  const before = await startLab(lab, folder)
  const { url } = before
  writeInputs(folder, 300)
  const args = [...runArgs(url), "--concurrency", "8"]
  const child = startSluice(args, folder)
  const running = ended(child)
  while (child.exitCode === null && (await jsonAt<Stats>(`${url}/lab/stats`)).arrived < 60) await pause(5)
  await before.kill()
  await pause(300)
  await startLab([...lab, "--port", new URL(url).port], folder)
  expect(await running).toMatchObject({ code: 0, stderr: "" })
  expectWhole(folder, 300)
}, 120_000)
