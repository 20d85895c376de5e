import { AsyncLocalStorage } from "node:async_hooks"
import { type EventSink, type QuotaState, runInScope, type SluiceEvent, type TaskScope } from "@sluice/core"
import { awakeQuota, VirtualClock } from "@sluice/lab"
import { expect, it } from "vitest"

const caller = new AsyncLocalStorage<string>()

function listener(): EventSink & { told: [SluiceEvent, string | undefined][]; states: (() => QuotaState)[] } {
  const told: [SluiceEvent, string | undefined][] = []
  const states: (() => QuotaState)[] = []
  const sink = (event: SluiceEvent): void => void told.push([event, caller.getStore()])
  return Object.assign(sink, { told, states, watch: (state: () => QuotaState) => void states.push(state) })
}

it("an admission says what it waited for, and is told where the call was made", async () => {
  const clock = new VirtualClock()
  const onEvent = listener()
  const quota = awakeQuota({ clock, onEvent, concurrency: 1 })
  const scope: TaskScope = { parent: undefined, site: "s", waiting: 0, holding: 0, runId: "r", spanId: 7 }
  const first = await caller.run("first", () => quota.admit())
  const second = caller.run("second", () => runInScope(scope, () => quota.admit()))
  await clock.advance(250)
  caller.run("first", () => first.settle({ outcome: "success" }))
  await second
  const admits = onEvent.told.filter(([{ type }]) => type === "permit-admit")
  expect(admits).toEqual([
    [expect.objectContaining({ waitedMs: 0 }), "first"],
    [
      expect.objectContaining({
        waitedMs: 250,
        blockedBy: expect.stringContaining("concurrency"),
        runId: "r",
        spanId: 7,
      }),
      "second",
    ],
  ])
  expect(admits[0]![0]).not.toHaveProperty("blockedBy")
})

it("a wait that ends without a permit is told too: aborted, too late, or the queue ended", async () => {
  const clock = new VirtualClock()
  const onEvent = listener()
  const quota = awakeQuota({ clock, onEvent, concurrency: 1 })
  await quota.admit()
  const abort = new AbortController()
  const waits = [
    caller.run("aborted", () => quota.admit({ requests: 1 }, { signal: abort.signal, tenant: "t" })),
    caller.run("late", () => quota.admit({ requests: 1 }, { maxWaitMs: 500 })),
    caller.run("ended", () => quota.admit()),
  ].map((wait) => wait.catch(() => {}))
  await clock.advance(100)
  abort.abort(new Error("enough"))
  await clock.advance(900)
  void quota.close({ reject: true })
  await Promise.all(waits)
  const left = onEvent.told.flatMap(([event, context]) =>
    event.type === "permit-leave" ? [{ ...event, context }] : [],
  )
  expect(left).toMatchObject([
    { context: "aborted", waitedMs: 100, tenant: "t", waiting: 2, error: { message: "enough" } },
    { context: "late", waitedMs: 500, waiting: 1, error: { code: "deadline-unreachable" } },
    { context: "ended", waitedMs: 1000, waiting: 0, error: { code: "limiter-closed" } },
  ])
  expect(left.every(({ blockedBy }) => blockedBy !== "")).toBe(true)
})

it("a listener that watches can ask how the quota does", async () => {
  const clock = new VirtualClock({ startMs: 5, wallMs: 1_764_000_000_000 })
  const onEvent = listener()
  const quota = awakeQuota({ clock, onEvent, name: "mine", requestsPerMinute: { limit: 60, kind: "bucket" } })
  expect(onEvent.states).toHaveLength(1)
  await quota.admit()
  const state = onEvent.states[0]!()
  expect(state).toMatchObject({ quota: "mine", atMs: 5, wallMs: 1_764_000_000_000, inFlight: 1, waiting: 0 })
  expect(state.limits).toMatchObject([{ name: "requestsPerMinute", dimension: "requests", limit: 60 }])
  // The full limit, less the 50 ms that calls may overtake each other by, and this call.
  expect(state.limits[0]?.level).toBeCloseTo(60 - 0.05 - 1)
  expect(JSON.parse(JSON.stringify(state))).toEqual(state)
})
