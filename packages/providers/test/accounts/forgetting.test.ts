import { describe, expect, it } from "vitest"
import type { LimitedFetchOptions } from "../../src/index.ts"
import { bench, type Bench, completion } from "../fake-vendor.ts"

const minute = 60_000

async function wait(bench: Bench, ms: number): Promise<void> {
  await bench.clock.run(new Promise<void>((resolve) => void bench.clock.setTimer(ms, resolve)))
}

const names = ({ fetch }: Bench): string[] => fetch.snapshot().map(({ name }) => name)

describe("keys and models that are used no more are forgotten", () => {
  it("a quota that was idle for long enough", async () => {
    const one = bench(() => completion(), { requestsPerMinute: 60 })
    for (let i = 0; i < 50; i++) await one.clock.run(one.chat({ key: `sk-${i}` }))
    expect(names(one)).toHaveLength(50)
    await wait(one, 61 * minute)
    await one.clock.run(one.chat({ key: "sk-new" }))
    expect(names(one)).toHaveLength(1)
  })

  it("however many come, no more than so many are kept", async () => {
    const one = bench(() => completion())
    for (let i = 0; i < 1500; i++) await one.clock.run(one.chat({ key: `sk-${i}`, model: `m-${i % 7}` }))
    expect(names(one).length).toBeLessThanOrEqual(1000)
    for (let i = 0; i < 1500; i++) await one.clock.run(one.chat({ model: `model-${i}` }))
    expect(names(one).length).toBeLessThanOrEqual(1000)
  })

  it.each<[string, LimitedFetchOptions]>([
    ["dollars", { budgetUsd: 1, prices: { "*": { input: 1, output: 1 } } }],
    ["a day's total", { requestsPerDay: 100 }],
  ])("never one that has spent of what does not come back soon: %s", async (_name, options) => {
    const one = bench(() => completion(), options)
    await one.clock.run(one.chat({ key: "sk-first", body: { max_tokens: 10 } }))
    await wait(one, 61 * minute)
    await one.clock.run(one.chat({ key: "sk-second", body: { max_tokens: 10 } }))
    expect(names(one)).toHaveLength(2)
  })

  it("never one in which a call waits or runs", async () => {
    const one = bench(
      (n) =>
        n === 0 ? new Promise((resolve) => one.clock.setTimer(90 * minute, () => resolve(completion()))) : completion(),
      { concurrency: 1, timeoutMs: 100 * minute },
    )
    const running = one.chat()
    const waiting = one.chat()
    await wait(one, 70 * minute)
    await one.clock.run(one.chat({ key: "sk-other" }))
    expect(names(one)).toHaveLength(2)
    await one.clock.run(Promise.all([running, waiting]))
    expect(one.sent).toHaveLength(3)
  })

  it("what was learned of a model's answers lives longer than its queue", async () => {
    const one = bench(() => completion({ prompt_tokens: 4000, completion_tokens: 5, total_tokens: 4005 }), {
      inputTokensPerMinute: 1_000_000,
    })
    const reserved = (): number | undefined =>
      one.events.findLast((event) => event.type === "permit-admit")?.cost.inputTokens
    for (let i = 0; i < 5; i++) await one.clock.run(one.chat())
    await wait(one, 61 * minute)
    await one.clock.run(one.chat({ model: "other" }))
    expect(reserved()).toBeLessThan(100)
    await one.clock.run(one.chat())
    expect(reserved()).toBeGreaterThan(3000)
  })
})
