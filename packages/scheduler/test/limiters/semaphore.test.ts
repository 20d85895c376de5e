import { currentScope, runInScope, type Permit, type TaskScope } from "@sluice/core"
import { VirtualClock } from "@sluice/lab"
import fc from "fast-check"
import { getEventListeners } from "node:events"
import { describe, expect, it } from "vitest"
import { semaphore, type Semaphore } from "../../src/limiters/semaphore.ts"
import { sleep } from "../../src/runtime/sleep.ts"

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Starts a call; the answer tells whether it is in. */
function start(
  sem: Semaphore,
  log: string[],
  name: string,
  options = {},
  cost = {},
): { permit: () => Permit | undefined } {
  let got: Permit | undefined
  sem.admit(cost, options).then(
    (permit) => {
      got = permit
      log.push(name)
    },
    (error: unknown) => log.push(`${name} ${(error as { code?: string }).code ?? String(error)}`),
  )
  return { permit: () => got }
}

describe("semaphore", () => {
  it("admits up to its limit, then first come first served", async () => {
    const sem = semaphore({ limit: 2 })
    const log: string[] = []
    const calls = ["a", "b", "c", "d"].map((name) => start(sem, log, name))
    await turn()
    expect(log).toEqual(["a", "b"])
    expect(sem.snapshot()).toEqual({ name: "semaphore", limit: 2, inUse: 2, waiting: 2 })
    calls[1]!.permit()!.settle({ outcome: "success" })
    calls[1]!.permit()!.settle({ outcome: "success" }) // once is enough
    await turn()
    expect(log).toEqual(["a", "b", "c"])
    calls[0]!.permit()!.settle({ outcome: "success" })
    await turn()
    expect(log).toEqual(["a", "b", "c", "d"])
  })

  it("row 3: hands a permit on in the same tick: no newcomer gets in between", async () => {
    const sem = semaphore({ limit: 1 })
    const permit = sem.tryAdmit()!
    const queued = sem.admit()
    permit.settle({ outcome: "success" })
    expect(sem.tryAdmit()).toBeUndefined()
    expect(sem.snapshot()).toMatchObject({ inUse: 1, waiting: 0 })
    ;(await queued).settle({ outcome: "success" })
    expect(sem.snapshot().inUse).toBe(0)
  })

  it("tryAdmit does not overtake those who wait", async () => {
    const sem = semaphore({ limit: 3, weigh: ({ requests = 1 }) => requests })
    const permit = sem.tryAdmit({ requests: 2 })!
    const heavy = sem.admit({ requests: 3 })
    expect(sem.tryAdmit({ requests: 1 })).toBeUndefined()
    permit.settle({ outcome: "success" })
    ;(await heavy).settle({ outcome: "success" })
  })

  it("row 13: a heavy call is not starved by light ones", async () => {
    const sem = semaphore({ limit: 4, weigh: ({ requests = 1 }) => requests })
    const log: string[] = []
    const lights = [1, 2, 3, 4].map((n) => start(sem, log, `light ${n}`))
    const heavy = start(sem, log, "heavy", {}, { requests: 4 })
    start(sem, log, "late light")
    await turn()
    for (const light of lights) {
      expect(heavy.permit()).toBeUndefined()
      light.permit()!.settle({ outcome: "success" })
      await turn()
    }
    expect(log).toEqual(["light 1", "light 2", "light 3", "light 4", "heavy"])
  })

  it("row 14: a call that can never fit fails at once, with the numbers", async () => {
    const sem = semaphore({ limit: 2, name: "disk", weigh: () => 3 })
    await expect(sem.admit()).rejects.toMatchObject({
      code: "cost-exceeds-limit",
      message: "A call of weight 3 can never fit into disk, which has 2 places. Split it or raise the limit.",
    })
    expect(sem.snapshot()).toMatchObject({ inUse: 0, waiting: 0 })
  })

  it("priority is a head start of 100 places, so nobody starves", async () => {
    const sem = semaphore({ limit: 1 })
    const log: string[] = []
    let held = sem.tryAdmit()!
    const waiters = [start(sem, log, "first")]
    for (let i = 0; i < 150; i++) waiters.push(start(sem, log, `urgent ${i}`, { priority: 1 }))
    for (let i = 0; i < 151; i++) {
      held.settle({ outcome: "success" })
      await turn()
      held = waiters.find((each) => each.permit() && each.permit() !== held && !done.has(each.permit()!))!.permit()!
      done.add(held)
    }
    expect(log[0]).toBe("urgent 0")
    expect(log.indexOf("first")).toBe(99)
    expect(log).toHaveLength(151)
  })
  const done = new Set<Permit>()

  it("row 4: an abort ends the wait at once, with its reason, and frees the queue", async () => {
    const sem = semaphore({ limit: 1 })
    const controller = new AbortController()
    const permit = sem.tryAdmit()!
    const waits = Array.from({ length: 30 }, () => sem.admit({}, { signal: controller.signal }))
    const all = Promise.allSettled(waits)
    const last = sem.admit()
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(1)
    const reason = { why: "left" }
    controller.abort(reason)
    for (const each of await all) expect((each as PromiseRejectedResult).reason).toBe(reason)
    expect(sem.snapshot()).toMatchObject({ inUse: 1, waiting: 1 })
    await expect(sem.admit({}, { signal: controller.signal })).rejects.toBe(reason)
    permit.settle({ outcome: "success" })
    ;(await last).settle({ outcome: "success" })
    expect(sem.snapshot()).toMatchObject({ inUse: 0, waiting: 0 })
  })

  it("an aborted heavy head lets the light ones behind it go", async () => {
    const sem = semaphore({ limit: 2, weigh: ({ requests = 1 }) => requests })
    const controller = new AbortController()
    const permit = sem.tryAdmit()!
    const heavy = sem.admit({ requests: 2 }, { signal: controller.signal })
    const light = sem.admit()
    controller.abort("left")
    await expect(heavy).rejects.toBe("left")
    ;(await light).settle({ outcome: "success" })
    permit.settle({ outcome: "success" })
    expect(sem.snapshot().inUse).toBe(0)
  })

  it("fails when the deadline passes, and leaves no timer", async () => {
    const clock = new VirtualClock()
    const sem = semaphore({ limit: 1, clock })
    const permit = sem.tryAdmit()!
    const refused = expect(sem.admit({}, { maxWaitMs: 100 })).rejects.toMatchObject({ code: "deadline-unreachable" })
    const later = sem.admit({}, { maxWaitMs: 1_000 })
    await clock.advance(200)
    await refused
    permit.settle({ outcome: "success" })
    ;(await later).settle({ outcome: "success" })
    expect(clock.pending).toBe(0)
  })

  it("refuses a queue that is too long", async () => {
    const sem = semaphore({ limit: 1, maxQueue: 2 })
    sem.tryAdmit()
    void sem.admit()
    void sem.admit()
    await expect(sem.admit()).rejects.toMatchObject({ code: "queue-full", retryable: true, details: { waiting: 2 } })
  })

  it("can be resized: more goes at once, fewer as permits come back", async () => {
    const sem = semaphore({ limit: 1 })
    const log: string[] = []
    const calls = ["a", "b", "c", "d"].map((name) => start(sem, log, name))
    sem.limit = 3
    await turn()
    expect(log).toEqual(["a", "b", "c"])
    sem.limit = 1
    calls[0]!.permit()!.settle({ outcome: "success" })
    calls[1]!.permit()!.settle({ outcome: "success" })
    await turn()
    expect(log).toHaveLength(3)
    calls[2]!.permit()!.settle({ outcome: "success" })
    await turn()
    expect(log).toHaveLength(4)
  })

  it("use gives the permit back however the function ends", async () => {
    const sem = semaphore({ limit: 1 })
    expect(await sem.use(() => 1)).toBe(1)
    await expect(sem.use(() => Promise.reject(new Error("x")))).rejects.toThrow("x")
    await expect(
      sem.use(() => {
        throw new Error("y")
      }),
    ).rejects.toThrow("y")
    expect(sem.snapshot().inUse).toBe(0)
  })

  it("counts waits and permits in the scopes around", async () => {
    const sem = semaphore({ limit: 1 })
    const outer: TaskScope = { parent: undefined, site: "outer", waiting: 0, holding: 0 }
    const scope: TaskScope = { parent: outer, site: "x", waiting: 0, holding: 0 }
    const [first, second] = runInScope(scope, () => [sem.admit(), sem.admit()])
    expect(outer).toMatchObject({ waiting: 1, holding: 1 })
    ;(await first).settle({ outcome: "success" })
    expect(scope).toMatchObject({ waiting: 0, holding: 1 })
    ;(await second).settle({ outcome: "success" })
    expect(outer).toMatchObject({ waiting: 0, holding: 0 })
  })

  describe("row 22: re-entry", () => {
    it("fails at once and names both sites", async () => {
      const sem = semaphore({ limit: 1, name: "db" })
      const nested = sem.use(() => sem.use(() => "never"))
      await expect(nested).rejects.toMatchObject({
        code: "limiter-reentry",
        details: { heldAt: "db.use", wantedAt: "db.use", held: 1, capacity: 1 },
      })
      expect(sem.snapshot()).toMatchObject({ inUse: 0, waiting: 0 })
    })

    it("is seen across tasks that block each other, and only the one that closes the circle fails", async () => {
      const clock = new VirtualClock()
      const sem = semaphore({ limit: 2 })
      const task = (ms: number): Promise<string> =>
        sem.use(async () => {
          await sleep(clock, ms)
          return sem.use(async () => "inner")
        })
      const ends = Promise.allSettled([task(10), task(20)])
      expect((await clock.run(ends)).map((end) => (end.status === "fulfilled" ? end.value : end.reason.code))).toEqual([
        "inner",
        "limiter-reentry",
      ])
      expect(sem.snapshot()).toMatchObject({ inUse: 0, waiting: 0 })
    })

    it("lets a task wait for a second permit while others will give theirs back", async () => {
      const clock = new VirtualClock()
      const sem = semaphore({ limit: 2 })
      const other = sem.use(() => sleep(clock, 100))
      const nested = sem.use(() => sem.use(async () => clock.now()))
      expect(await clock.run(nested)).toBe(100)
      await other
    })

    it("forgets a wait that is over, though its task still holds a permit", async () => {
      const clock = new VirtualClock()
      const sem = semaphore({ limit: 2 })
      const first = sem.use(() => sleep(clock, 10))
      const second = sem.use(async () => {
        await sem.use(() => "waited for the first") // until 10
        await sleep(clock, 100)
      })
      await clock.advance(20)
      const third = sem.use(() => sem.use(() => clock.now()))
      expect(await clock.run(third)).toBe(110)
      await Promise.all([first, second])
    })

    it("does not mistake siblings, nor work left behind, for re-entry", async () => {
      const clock = new VirtualClock()
      const sem = semaphore({ limit: 1 })
      await clock.run(Promise.all([sem.use(() => sleep(clock, 1)), sem.use(() => sleep(clock, 1))]))
      let leftBehind: Promise<unknown> = Promise.resolve()
      await clock.run(
        sem.use(async () => {
          leftBehind = sleep(clock, 5).then(() => Promise.all([sem.use(() => sleep(clock, 1)), sem.use(() => 1)]))
        }),
      )
      expect(await clock.run(leftBehind)).toEqual([undefined, 1])
      expect(currentScope()).toBeUndefined()
    })
  })

  it("permits in = permits out, never over the limit, after any mix of work, aborts and resizes", async () => {
    const call = fc.record({
      at: fc.nat(50),
      ms: fc.nat(20),
      weight: fc.integer({ min: 0, max: 3 }),
      priority: fc.integer({ min: -1, max: 2 }),
      abortAt: fc.option(fc.nat(60)),
    })
    const resize = fc.record({ at: fc.nat(60), limit: fc.integer({ min: 3, max: 6 }) })
    await fc.assert(
      fc.asyncProperty(
        fc.array(call, { maxLength: 40 }),
        fc.array(resize, { maxLength: 4 }),
        async (calls, resizes) => {
          const clock = new VirtualClock()
          const sem = semaphore({ limit: 3, clock, weigh: ({ requests = 1 }) => requests })
          for (const { at, limit } of resizes) clock.setTimer(at, () => (sem.limit = limit))
          const ends = await clock.run(
            Promise.all(
              calls.map(async ({ at, ms, weight, priority, abortAt }) => {
                await sleep(clock, at)
                const controller = new AbortController()
                const cancel = abortAt === null ? undefined : clock.setTimer(abortAt, () => controller.abort("left"))
                try {
                  const permit = await sem.admit({ requests: weight }, { priority, signal: controller.signal })
                  const { inUse } = sem.snapshot()
                  expect(inUse).toBeLessThanOrEqual(Math.max(6, sem.limit))
                  await sleep(clock, ms)
                  permit.settle({ outcome: "success" })
                  return "served"
                } catch (error) {
                  return error === "left" ? "left" : error
                } finally {
                  cancel?.()
                  expect(getEventListeners(controller.signal, "abort")).toHaveLength(0)
                }
              }),
            ),
          )
          expect(ends.filter((end) => end !== "served" && end !== "left")).toEqual([])
          calls.forEach(({ abortAt }, i) => abortAt === null && expect(ends[i]).toBe("served"))
          expect(sem.snapshot()).toMatchObject({ inUse: 0, waiting: 0 })
        },
      ),
      { numRuns: 300 },
    )
  })

  it("refuses limits that cannot be", () => {
    expect(() => semaphore({ limit: 0 })).toThrow("semaphore: limit must be a whole number of at least 1 (got 0).")
    const sem = semaphore({ limit: 1 })
    expect(() => (sem.limit = 1.5)).toThrow("semaphore: limit must be a whole number of at least 1 (got 1.5).")
    expect(() => semaphore({ limit: 1, weigh: () => -1 }).tryAdmit()).toThrow("semaphore: weigh(cost)")
  })
})
