import { createDefine } from "@sluice/core"
import { VirtualClock } from "@sluice/lab"
import { keyed, parallelExecutor, parallelMap, semaphore, sleep } from "@sluice/scheduler"
import { describe, expect, it } from "vitest"

const half = { next: () => 0.5 }

function meter(): { work: (clock: VirtualClock, who: string) => Promise<void>; most: () => Record<string, number> } {
  const now = new Map<string, number>()
  const most: Record<string, number> = {}
  const add = (who: string, by: number): void => {
    now.set(who, (now.get(who) ?? 0) + by)
    most[who] = Math.max(most[who] ?? 0, now.get(who)!)
  }
  return {
    work: async (clock, who) => {
      add(who, 1)
      add("all", 1)
      await sleep(clock, 10)
      add(who, -1)
      add("all", -1)
    },
    most: () => most,
  }
}
const tenants = ["a", "b", "c"]
const items = Array.from({ length: 30 }, (_, index) => tenants[index % 3]!)
const perTenant = () => keyed((tenant) => semaphore({ limit: 2, name: tenant }))

describe("a keyed limiter of a batch", () => {
  it("limits each key by itself: 2 at once for each of 3 tenants are 6 at once", async () => {
    const clock = new VirtualClock()
    const { batch } = createDefine({ clock, random: half, executor: parallelExecutor(clock, half) })<object>()
    const { work, most } = meter()
    const limiter = perTenant()
    const node = batch({
      name: "node",
      prep: () => items,
      concurrency: 30,
      limiter,
      limiterKey: (tenant, ctx) => (ctx.index >= 0 ? tenant : ""),
      exec: (tenant) => work(clock, tenant),
    })
    await clock.run(node.run({}))
    expect(most()).toEqual({ a: 2, b: 2, c: 2, all: 6 })
    expect(clock.now()).toBe(50)
    expect(limiter.size).toBe(3)
  })

  it("of a step, and of a plain map with retries and nested maps, which borrow the place of their own key", async () => {
    const clock = new VirtualClock()
    const { step } = createDefine({ clock, random: half, executor: parallelExecutor(clock, half) })<{ who: string }>()
    const { work, most } = meter()
    const limiter = keyed(() => semaphore({ limit: 1 }))
    const node = step({
      name: "node",
      prep: ({ who }) => who,
      limiter,
      limiterKey: (who) => who,
      exec: (who) => work(clock, who),
    })
    await clock.run(Promise.all(["a", "a", "b"].map((who) => node.run({ who }))))
    expect(most()).toEqual({ a: 1, b: 1, all: 2 })

    const options = {
      limiter,
      limiterKey: (who: string) => who,
      clock,
      random: half,
      retry: { maxAttempts: 2, backoff: { initialMs: 1 } },
      concurrency: 6,
    }
    const visit = async (who: string, { attempt }: { attempt: number }): Promise<void> => {
      await work(clock, who)
      if (attempt === 1) throw new Error("again")
      for await (const _ of parallelMap([who, who], (each) => work(clock, each), {
        ...options,
        retry: { maxAttempts: 1 },
      }));
    }
    expect(await clock.run(Array.fromAsync(parallelMap(items, visit, options)))).toHaveLength(30)
    expect(most()).toMatchObject({ a: 1, b: 1, c: 1 })
  })

  it("without limiterKey is refused where it is given, and so is a limiterKey without a limiter", async () => {
    const clock = new VirtualClock()
    const { batch, step } = createDefine({ clock, random: half, executor: parallelExecutor(clock, half) })<object>()
    const limiter = perTenant()
    const wanted = { code: "invalid-option", message: expect.stringContaining("limiterKey") as string }
    const thrown = (fn: () => unknown): unknown => {
      try {
        return fn()
      } catch (error) {
        return error
      }
    }
    expect(thrown(() => batch({ name: "b", prep: () => items, exec: () => {}, limiter }))).toMatchObject(wanted)
    expect(thrown(() => step({ name: "s", exec: () => {}, limiter }))).toMatchObject(wanted)
    expect(thrown(() => parallelMap(items, () => {}, { limiter }))).toMatchObject(wanted)
    expect(thrown(() => parallelMap(items, () => {}, { limiterKey: String }))).toMatchObject({ code: "invalid-option" })
    await expect(limiter.admit({})).rejects.toMatchObject({ code: "invalid-option" })
    expect(thrown(() => limiter.tryAdmit({}))).toMatchObject({ code: "invalid-option" })
    expect(limiter.size).toBe(0)
    // One key's limiter is an ordinary one.
    const node = batch({ name: "b", prep: () => [1, 2, 3], exec: (n) => n, limiter: limiter.of("acme") })
    expect(await clock.run(node.run({}))).toBe("default")
  })
})
