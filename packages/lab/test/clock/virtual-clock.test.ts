import { describe, expect, it } from "vitest"
import { VirtualClock } from "../../src/index.ts"

describe("VirtualClock", () => {
  it("fires in time order, and in the order set within one instant", async () => {
    const clock = new VirtualClock()
    const fired: string[] = []
    for (const [name, delayMs] of [
      ["c", 20],
      ["a", 10],
      ["d", 20],
      ["b", 10],
      ["z", -5],
    ] as const) {
      clock.setTimer(delayMs, () => fired.push(`${name}@${clock.now()}`))
    }
    await clock.advance(15)
    expect(fired).toEqual(["z@0", "a@10", "b@10"])
    expect(clock.now()).toBe(15)
    await clock.advance(5)
    expect(fired.slice(3)).toEqual(["c@20", "d@20"])
    expect(clock.pending).toBe(0)
  })

  it("lets everything that a timer sets off settle before the next one fires", async () => {
    const clock = new VirtualClock()
    const seen: string[] = []
    clock.setTimer(10, () => {
      void (async () => {
        for (let turn = 0; turn < 50; turn++) await Promise.resolve()
        await new Promise((resolve) => process.nextTick(resolve))
        seen.push(`chain@${clock.now()}`)
      })()
    })
    clock.setTimer(10, () => seen.push("second"))
    await clock.run(new Promise<void>((resolve) => clock.setTimer(20, resolve)))
    expect(seen).toEqual(["chain@10", "second"])
  })

  it("settles promises alone when told so: nothing else gets its turn", async () => {
    const clock = new VirtualClock({ settles: "promises" })
    const seen: string[] = []
    clock.setTimer(10, () => {
      void (async () => {
        for (let turn = 0; turn < 50; turn++) await Promise.resolve()
        seen.push(`chain@${clock.now()}`)
      })()
      setImmediate(() => seen.push("loop"))
    })
    clock.setTimer(10, () => seen.push("second"))
    await clock.run(new Promise<void>((resolve) => clock.setTimer(20, resolve)))
    expect(seen).toEqual(["chain@10", "second"])
  })

  it("answers as the promise does, and stops the clock there", async () => {
    const clock = new VirtualClock({ startMs: 500 })
    let late = false
    clock.setTimer(100, () => (late = true))
    await expect(clock.run(new Promise((resolve) => clock.setTimer(50, () => resolve("done"))))).resolves.toBe("done")
    await expect(clock.run(Promise.reject(new Error("no")))).rejects.toThrow("no")
    expect([clock.now(), late, clock.pending]).toEqual([550, false, 1])
  })

  it("says so when nothing can settle the promise", async () => {
    const clock = new VirtualClock()
    await expect(clock.run(new Promise(() => undefined))).rejects.toThrow(/pending and no timer is set/)
  })

  it("gives work that hangs on the event loop its turns before giving up", async () => {
    const clock = new VirtualClock()
    const turns = async (): Promise<string> => {
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
      return "there"
    }
    expect(await clock.run(turns())).toBe("there")
  })

  it("cancels once, and counts what is left", async () => {
    const clock = new VirtualClock()
    let fired = 0
    const cancel = clock.setTimer(10, () => fired++)
    clock.setTimer(10, () => fired++)
    expect(clock.pending).toBe(2)
    cancel()
    cancel()
    expect(clock.pending).toBe(1)
    await clock.advance(10)
    cancel()
    expect([fired, clock.pending]).toEqual([1, 0])
  })

  it("steps the wall clock without touching timers", async () => {
    const clock = new VirtualClock({ wallMs: 1_000_000 })
    let firedAt = -1
    clock.setTimer(10, () => (firedAt = clock.now()))
    clock.jumpWall(-3_600_000)
    expect([clock.now(), clock.wallNow()]).toEqual([0, 1_000_000 - 3_600_000])
    await clock.advance(10)
    expect([firedAt, clock.wallNow()]).toEqual([10, 1_000_010 - 3_600_000])
  })

  it("takes a long day of timers set by timers", async () => {
    const clock = new VirtualClock()
    let left = 30_000
    const done = new Promise<void>((resolve) => {
      const tick = (): void => (--left === 0 ? resolve() : void clock.setTimer(2880, tick))
      clock.setTimer(2880, tick)
    })
    await clock.run(done)
    expect(clock.now()).toBe(86_400_000)
  })
})
