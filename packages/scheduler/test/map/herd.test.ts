import { currentScope, runInScope } from "@sluice/core"
import { awakeQuota, VirtualClock } from "@sluice/lab"
import { expect, it } from "vitest"
import { adaptive, type QuotaLimits, type QuotaOptions } from "../../src/index.ts"
import { parallelMap } from "../../src/map/parallel-map.ts"
import { sleep } from "../../src/runtime/sleep.ts"

/** How many calls of a quota that is told nothing are in flight at most until `untilMs`, where each is answered after 3 s. */
async function mostInFlight(
  untilMs: number,
  run: (work: () => Promise<void>, clock: VirtualClock) => Promise<unknown>,
  options: QuotaOptions = {},
  retuned: QuotaLimits = {},
): Promise<number> {
  const clock = new VirtualClock()
  const quota = awakeQuota({ clock, ...options })
  quota.retune(retuned)
  let running = 0
  let most = 0
  const work = async (): Promise<void> => {
    const permit = await quota.admit()
    running++
    if (clock.now() <= untilMs) most = Math.max(most, running)
    await sleep(clock, 3_000)
    running--
    permit.settle({ outcome: "success" })
  }
  await clock.run(run(work, clock))
  return most
}

const items = Array.from({ length: 600 }, (_, index) => index)

it("a batch that is fed as it goes grows as one that asks for all at once: a server that queues gets no thousand calls", async () => {
  // 10 at first, about twice as many with each round of answers.
  const together = await mostInFlight(11_900, (work) => Promise.all(items.map(work)))
  expect(together).toBeLessThanOrEqual(80)
  const fed = await mostInFlight(11_900, (work, clock) =>
    Array.fromAsync(parallelMap(items, work, { concurrency: "auto", clock })),
  )
  expect(fed).toBeLessThanOrEqual(together)
  expect(fed).toBeGreaterThan(40)
})

it("the same where each item is a map of its own", async () => {
  const fed = await mostInFlight(11_900, (work, clock) =>
    Array.fromAsync(
      parallelMap(items, () => Array.fromAsync(parallelMap([0], work, { concurrency: 1, clock })), {
        concurrency: "auto",
        clock,
      }),
    ),
  )
  expect(fed).toBeLessThanOrEqual(80)
})

it("the same where a scope of another kind is between the item and its call", async () => {
  const fed = await mostInFlight(11_900, (work, clock) =>
    Array.fromAsync(
      parallelMap(
        items,
        () => runInScope({ parent: currentScope(), site: "between", waiting: 0, holding: 0 }, () => work()),
        { concurrency: "auto", clock },
      ),
    ),
  )
  expect(fed).toBeLessThanOrEqual(80)
})

it("a list of fifty is all on its way within a second, and of a source that says nothing of its length ten are", async () => {
  const fifty = items.slice(0, 50)
  const fed = (source: Iterable<number>): Promise<number> =>
    mostInFlight(1_000, (work, clock) => Array.fromAsync(parallelMap(source, work, { concurrency: "auto", clock })))
  expect(await fed(fifty)).toBe(50)
  expect(await fed(fifty.values())).toBe(10)
  // All of them count, however the list is nested.
  expect(
    await mostInFlight(1_000, (work, clock) =>
      Array.fromAsync(
        parallelMap(fifty, () => Array.fromAsync(parallelMap([0, 1], work, { concurrency: "auto", clock })), {
          concurrency: "auto",
          clock,
        }),
      ),
    ),
  ).toBeLessThanOrEqual(64)
})

it("where the user asks for a limit that finds itself, for a server that queues, ten of fifty run until the first answer", async () => {
  const fifty = (options: QuotaOptions, retuned?: QuotaLimits): Promise<number> =>
    mostInFlight(1_000, (work) => Promise.all(items.slice(0, 50).map(work)), options, retuned)
  expect(await fifty({})).toBe(50)
  expect(await fifty({ concurrency: adaptive() })).toBe(10)
  expect(await fifty({}, { concurrency: adaptive() })).toBe(10)
})
