/** The measured part of `bench:page`: `measured-process.ts journal PATH`, or `idle`, or `calls PER_SECOND`, or `events`. */
import { createDefine, type EventSink, type SluiceEvent } from "@sluice/core"
import { limitedFetch } from "@sluice/providers"
import { sleep, systemClock, systemRuntime } from "@sluice/scheduler"
import { openPage, type Page } from "../src/index.ts"
import { tellRun } from "../test/told-run.ts"

export type Beside = "nothing" | "listener" | "page"
/** Of a run: `begin` one with something beside it, `measure` it for so long, `end` it. */
export type Asked =
  | { readonly what: "memory" }
  | { readonly what: "begin"; readonly beside: Beside }
  | { readonly what: "measure"; readonly ms: number }
  | { readonly what: "end" }
export interface Told {
  readonly url?: string
  readonly heldMb?: number
  /** Of processor time, for each call of the measured time. */
  readonly callUs?: number
  readonly calls?: number
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
let calls = 0
let page: Page | undefined
let run: { readonly stop: AbortController; readonly over: Promise<unknown> } | undefined
process.on("message", (asked: Asked) => void answer(asked).then(tell))

async function answer(asked: Asked): Promise<Told> {
  if (asked.what === "memory") return { heldMb: (held() - before) / 2 ** 20 }
  if (asked.what === "begin") {
    page = asked.beside === "page" ? await openPage({ title: "a run", total: () => 100_000 }) : undefined
    run = begin(Number(value), asked.beside === "listener" ? () => {} : page?.onEvent)
    return { url: page?.url ?? "" }
  }
  if (asked.what === "end") {
    run?.stop.abort()
    await run?.over
    await page?.close()
    return {}
  }
  const [from, first] = [process.cpuUsage(), calls]
  await sleep(systemClock, asked.ms)
  const { user, system } = process.cpuUsage(from)
  return { callUs: (user + system) / (calls - first), calls: calls - first }
}

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
} else if (kind === "idle") {
  page = await openPage({ title: "a run", total: () => 100_000 })
  tell({ url: page.url })
} else tell({})

/** Calls without an end, so many a second from the first second on: a burst at the beginning would be another load, and without any, a busy machine falls behind. */
function begin(perSecond: number, onEvent: EventSink | undefined): NonNullable<typeof run> {
  const body = JSON.stringify({
    id: "chatcmpl-1",
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content: "Yes." }, finish_reason: "stop" }],
    usage: { prompt_tokens: 3, completion_tokens: 2 },
  })
  const served: typeof globalThis.fetch = async () => {
    calls++
    await sleep(systemClock, 200)
    return new Response(body, { headers: { "content-type": "application/json" } })
  }
  const init = { method: "POST", body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "Why?" }] }) }
  const heard = onEvent ? { onEvent } : {}
  const limit = { limit: perSecond * 60, kind: "bucket", burst: 1 + perSecond / 5 } as const
  const fetch = limitedFetch({ fetch: served, requestsPerMinute: limit, ...heard })
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
  const stop = new AbortController()
  return { stop, over: node.run({}, { ...heard, signal: stop.signal }).catch(() => {}) }
}
