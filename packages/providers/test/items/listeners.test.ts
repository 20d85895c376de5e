import { getEventListeners } from "node:events"
import { VirtualClock } from "@sluice/lab"
import { expect, it } from "vitest"
import { coalesce, limitedFetch } from "../../src/index.ts"
import { OpenFiles } from "../../src/http/open-files.ts"
import { LaneCapacity } from "../../src/vendor-batch/engine/lane-capacity.ts"
import { scriptedServer } from "../scripted-server.ts"

// A signal may live as long as the program: what waits for it shares one listener, and leaves none behind.

const many = Array.from({ length: 50 }, (_, at) => at)

it.each<[string, (signal: AbortSignal) => Promise<{ waits: Promise<unknown>[]; go: () => unknown }>]>([
  [
    "coalesce",
    async (signal) => {
      const clock = new VirtualClock()
      const options = { maxItems: 1_000, pack: async (items: number[]) => items, unpack: (answer: number[]) => answer }
      const ask = coalesce<number, number[], number>({ ...options, clock } as never)
      return { waits: many.map((item) => ask(item, { signal })), go: () => clock.advance(60_000) }
    },
  ],
  [
    "open files",
    async (signal) => {
      const files = new OpenFiles(() => 1)
      let taken = 0
      while (files.take()) taken++
      const waits = many.map(async () => {
        await files.wait(signal)
        files.give()
      })
      return { waits, go: () => Array.from({ length: taken }, () => files.give()) }
    },
  ],
  [
    "room in a lane",
    async (signal) => {
      const capacity = new LaneCapacity(1, 1)
      const leave = capacity.tryEnter(1)!
      const waits = many.map(async () => (await capacity.enter(1, undefined, [signal]))())
      return { waits, go: leave }
    },
  ],
  [
    "calls under way",
    async (signal) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      const server = await scriptedServer((_n, response) => void promise.then(() => response.end("{}")))
      const limited = limitedFetch({ limits: { "*": { concurrency: 50 } } })
      const call = { method: "POST", body: '{"model":"m"}', signal }
      const waits = many.map(async () => (await limited(`${server.url}/v1/chat/completions`, call)).text())
      return { waits, go: () => resolve() }
    },
  ],
])("%s: one while fifty wait, none after, and none after an abort", async (_name, begin) => {
  const calm = new AbortController()
  const { waits, go } = await begin(calm.signal)
  expect(getEventListeners(calm.signal, "abort").length).toBeLessThanOrEqual(1)
  await go()
  await Promise.all(waits)
  expect(getEventListeners(calm.signal, "abort")).toEqual([])

  const aborted = new AbortController()
  const other = await begin(aborted.signal)
  const ends = Promise.allSettled(other.waits)
  aborted.abort(new Error("enough"))
  await other.go()
  expect((await ends).map((end) => end.status)).toEqual(many.map(() => "rejected"))
  expect(getEventListeners(aborted.signal, "abort")).toEqual([])
})
