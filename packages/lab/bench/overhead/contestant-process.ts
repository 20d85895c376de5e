/** Measures one contestant, and exits: what `own-process.ts` forks. */
import { setTimeout as pause } from "node:timers/promises"
import { measures } from "./measures.ts"
import type { MemoryOrder, Named, Order, Reply, TimesOrder } from "./own-process.ts"
import type { Memory, Taken } from "./results.ts"

process.once("message", (order: Order) => void obey(order))

async function obey(order: Order): Promise<void> {
  const answer = (reply: Reply<Taken[] | Memory>): void => void process.send?.(reply)
  try {
    answer({ value: await (order.of === "times" ? times(order) : memory(order)) })
  } catch (error) {
    answer({ failure: error instanceof Error ? error.message : String(error) })
  }
}

async function times(order: TimesOrder): Promise<Taken[]> {
  const taken: Taken[] = []
  for (const items of order.items) {
    const run = await prepared(order, items)
    // The first run compiles; it is not counted.
    if (taken.length === 0) await run()
    globalThis.gc?.()
    // V8's other threads compile and sweep what came before, and would do so on this clock: 0.5 µs a node of a chain of 10,000.
    await pause(100)
    const cpu = process.cpuUsage()
    const startedMs = performance.now()
    const done = await run()
    const wallUs = ((performance.now() - startedMs) * 1_000) / items
    const { user, system } = process.cpuUsage(cpu)
    if (done !== items) throw new Error(`did ${done} of ${items}`)
    taken.push({ cpuUs: (user + system) / items, wallUs })
  }
  return taken
}

async function memory(order: MemoryOrder): Promise<Memory> {
  // Loads its library, which is not counted.
  await prepared(order, 1)
  globalThis.gc?.()
  const idle = process.memoryUsage.rss()
  await (
    await prepared(order, order.items)
  )()
  const peak = process.resourceUsage().maxRSS * 1024
  const megabytes = (bytes: number): number => Math.max(0, Math.round(bytes / 2 ** 20))
  return { peakMegabytes: megabytes(peak), grownMegabytes: megabytes(peak - idle) }
}

function prepared({ title, name }: Named, items: number) {
  const contestant = measures.find((one) => one.title === title)?.contestants.find((one) => one.name === name)
  if (!contestant) throw new Error(`nobody is called ${name}`)
  return contestant.prepare(items)
}
