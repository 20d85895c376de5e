/**
 * Durable outcomes per second: 64 and 1,024 callers that each settle a result of 1 KB and wait for it, in both modes of
 * `synchronous`, interleaved; then the cost of asking for them again.
 *
 *   node --conditions=@sluice/source packages/journal/bench/settle.bench.ts
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openJournal } from "@sluice/journal"

const items = 20_000
const rounds = 3
const value = "x".repeat(1_024)
const params = {}
const identity = (index: number): { node: string; visit: number; params: {}; index: number; input: string } => ({
  node: "bench",
  visit: 0,
  params,
  index,
  input: `item ${index}`,
})

interface Measure {
  readonly settledPerS: number
  readonly cpuUsPerItem: number
  readonly lookupUs: number
  readonly findUs: number
}

async function measure(synchronous: "full" | "normal", callers: number): Promise<Measure> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"))
  const path = join(folder, "journal")
  let journal = openJournal({ path, synchronous })
  let run = await journal.openRun({ runId: "bench", flow: "bench" })
  const cpu = process.cpuUsage()
  const startedAt = performance.now()
  let next = 0
  const caller = async (): Promise<void> => {
    while (next < items) {
      const index = next++
      run.lookup(identity(index))
      await run.settle(identity(index), { status: "ok", index, value, attempts: 1 })
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  const tookMs = performance.now() - startedAt
  const used = process.cpuUsage(cpu)
  await run.end("ok")
  await journal.close()

  journal = openJournal({ path, synchronous })
  run = await journal.openRun({ runId: "bench", flow: "bench" })
  const time = (fn: (index: number) => unknown): number => {
    const from = performance.now()
    for (let index = 0; index < items; index++) if (!fn(index)) throw new Error("lost")
    return ((performance.now() - from) * 1_000) / items
  }
  const findUs = time((index) => run.find(identity(index)))
  const lookupUs = time((index) => run.lookup(identity(index)))
  await run.end("ok")
  await journal.close()
  rmSync(folder, { recursive: true })
  return {
    settledPerS: Math.round((items * 1_000) / tookMs),
    cpuUsPerItem: Math.round((used.user + used.system) / items),
    lookupUs: Number(lookupUs.toFixed(1)),
    findUs: Number(findUs.toFixed(1)),
  }
}

const cases = (["full", "normal"] as const).flatMap((mode) => [64, 1_024, 4_096].map((callers) => ({ mode, callers })))
const results = new Map(cases.map((one) => [one, [] as Measure[]]))
for (let round = 0; round < rounds; round++) {
  for (const [one, list] of results) list.push(await measure(one.mode, one.callers))
}
const median = (values: readonly number[]): string => {
  const sorted = values.toSorted((a, b) => a - b)
  return `${sorted[Math.floor(sorted.length / 2)]} (${sorted[0]}–${sorted.at(-1)})`
}
console.log("median (spread) of", rounds, "rounds of", items, "outcomes of 1 KB")
for (const [{ mode, callers }, list] of results) {
  console.log(
    `synchronous=${mode}, ${callers} callers: ${median(list.map((one) => one.settledPerS))} outcomes/s, ` +
      `CPU ${median(list.map((one) => one.cpuUsPerItem))} µs each, lookup ${median(list.map((one) => one.lookupUs))} µs, ` +
      `find ${median(list.map((one) => one.findUs))} µs`,
  )
}
