/** The measured part of `bench:page`: `measured-process.ts journal PATH`, or `calls PER_SECOND none|page`, or `events`. */
import { createDefine, type EventSink, type SluiceEvent } from "@sluice/core"
import { limitedFetch } from "@sluice/providers"
import { sleep, systemClock, systemRuntime } from "@sluice/scheduler"
import { openPage } from "../src/index.ts"
import { tellRun } from "../test/told-run.ts"

export type Asked = "memory" | "begin" | "cpu"
export interface Told {
  readonly url?: string
  readonly heldMb?: number
  readonly cpuMs?: number
  /** Of processor time, for all events of an item. */
  readonly eventsUs?: number
}

const [kind, value = "", which] = process.argv.slice(2)
const held = (): number => {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
const tell = (told: Told): void => void process.send?.(told)
const before = held()
let begun = process.cpuUsage()
process.on("message", (asked: Asked) => {
  if (asked === "begin") begun = process.cpuUsage()
  const { user, system } = process.cpuUsage(begun)
  tell(asked === "memory" ? { heldMb: (held() - before) / 2 ** 20 } : { cpuMs: (user + system) / 1_000 })
})

if (kind === "journal") {
  const page = await openPage({ journal: value })
  tell({ url: page.url })
} else if (kind === "events") {
  const page = await openPage({ title: "a run" })
  const events: SluiceEvent[] = []
  tellRun((event) => void events.push(event), 20_000)
  const rounds = Array.from({ length: 4 }, () => {
    const from = process.cpuUsage()
    for (const event of events) page.onEvent(event)
    const { user, system } = process.cpuUsage(from)
    return (user + system) / 20_000
  })
  // A run's events are not hot as these are in the end: the mean of all, the first with them.
  tell({ eventsUs: rounds.reduce((sum, each) => sum + each, 0) / rounds.length })
} else {
  const page = which === "none" ? undefined : await openPage({ title: "a run", total: () => 100_000 })
  tell({ url: page?.url ?? "" })
  if (Number(value) > 0) await run(Number(value), page?.onEvent)
  else setInterval(() => {}, 60_000)
}

/** Calls without an end, so many a second. */
async function run(perSecond: number, onEvent: EventSink | undefined): Promise<void> {
  const body = JSON.stringify({
    id: "chatcmpl-1",
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content: "Yes." }, finish_reason: "stop" }],
    usage: { prompt_tokens: 3, completion_tokens: 2 },
  })
  const served: typeof globalThis.fetch = async () => {
    await sleep(systemClock, 200)
    return new Response(body, { headers: { "content-type": "application/json" } })
  }
  const init = { method: "POST", body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "Why?" }] }) }
  const heard = onEvent ? { onEvent } : {}
  const fetch = limitedFetch({ fetch: served, requestsPerMinute: perSecond * 60, ...heard })
  const { batch } = createDefine(systemRuntime)()
  function* numbers(): Generator<number, void, undefined> {
    for (let n = 0; ; n++) yield n
  }
  const node = batch({
    name: "node",
    prep: () => numbers(),
    exec: async () => (await fetch("https://api.openai.com/v1/chat/completions", init)).json(),
    onOutcome: () => {},
  })
  await node.run({}, heard)
}
