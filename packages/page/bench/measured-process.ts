/** The measured part of `bench:page`: `measured-process.ts journal PATH`, or `idle`, or `events`. */
import type { SluiceEvent } from "@sluice/core"
import { openPage, type Page } from "../src/index.ts"
import { tellRun } from "../test/told-run.ts"

export interface Asked {
  readonly what: "memory"
}
export interface Told {
  readonly url?: string
  readonly heldMb?: number
  /** Of processor time, for all events of an item. */
  readonly eventsUs?: number
}

const [kind, value = ""] = process.argv.slice(2)
const held = (): number => {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
const tell = (told: Told): void => void process.send?.(told)
const before = held()
let page: Page | undefined
process.on("message", () => tell({ heldMb: (held() - before) / 2 ** 20 }))

if (kind === "journal") {
  page = await openPage({ journal: value })
  tell({ url: page.url })
} else if (kind === "events") {
  page = await openPage({ title: "a run" })
  const events: SluiceEvent[] = []
  tellRun((event) => void events.push(event), 20_000)
  const rounds = Array.from({ length: 4 }, () => {
    const from = process.cpuUsage()
    for (const event of events) page!.onEvent(event)
    const { user, system } = process.cpuUsage(from)
    return (user + system) / 20_000
  })
  // A run's events are not hot as these are in the end: the mean of all, the first with them.
  tell({ eventsUs: rounds.reduce((sum, each) => sum + each, 0) / rounds.length })
} else {
  page = await openPage({ title: "a run", total: () => 100_000 })
  tell({ url: page.url })
}
