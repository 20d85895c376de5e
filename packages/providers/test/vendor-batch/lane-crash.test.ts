import { sleep } from "@sluice/scheduler"
import { describe, expect, it, vi } from "vitest"
import { clientsOf, notingJournal, outcomesOf, setUpLane, texts, valuesOf, vendorNames } from "../lane-setup.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

/** What dies with the process, and what the notes say by then. */
const crashes = {
  "before the batch is created": { note: /]$/, when: "after" },
  "between its creation and the note of its id": { note: / id$/, when: "before" },
  "after the note of its id": { note: / id$/, when: "after" },
} as const

describe.each(vendorNames)("%s: a crash of a batch in lane", (name) => {
  it.each(Object.entries(crashes))("%s submits nothing twice (peer defect 26)", async (_where, crash) => {
    const setup = await setUpLane()
    const died = new Error("the process died")
    const { journal, notes } = notingJournal((note, when) => {
      if (crash.note.test(note) && when === crash.when) throw died
    })
    const broken = await outcomesOf(setup, setup.ask[name], texts(6), "batch", { journal })
    expect(broken.map(({ status }) => status)).toEqual(texts(6).map(() => "failed"))

    // A new process: only the notes are left.
    const after = notingJournal()
    for (const [note, value] of notes) after.notes.set(note, value)
    const next = clientsOf(setup.vendor)
    // In another order, and with one item more.
    const prompts = [...texts(7)].toReversed()
    const outcomes = await outcomesOf(next, next.ask[name], prompts, "batch", { journal: after.journal })
    expect(valuesOf(outcomes)).toEqual(prompts)
    const { batches, arrived } = setup.vendor.stats()
    expect([batches.answered, batches.repeats, arrived]).toEqual([7, 0, 0])
    // One for what was asked before, one for what is new; one for all where there was none yet and they come in time.
    expect(batches.jobs).toBeLessThanOrEqual(2)
  })

  it("a run that was cancelled finds its batch again", async () => {
    const setup = await setUpLane({ batch: { processingMs: 300_000 } })
    const { journal } = notingJournal()
    const controller = new AbortController()
    const running = outcomesOf(setup, setup.ask[name], texts(4), "batch", { journal, signal: controller.signal })
    await vi.waitFor(() => expect(setup.events.some(({ type }) => type === "vendor-batch")).toBe(true), { interval: 5 })
    controller.abort(new Error("later"))
    await expect(running).rejects.toThrow("later")

    const next = clientsOf(setup.vendor)
    const outcomes = await outcomesOf(next, next.ask[name], texts(4), "batch", { journal })
    expect(valuesOf(outcomes)).toEqual(texts(4))
    expect(setup.vendor.stats()).toMatchObject({ arrived: 0, batches: { jobs: 1, answered: 4, repeats: 0 } })
    expect(next.events.find(({ type }) => type === "vendor-batch")).toMatchObject({ state: "adopted" })
  })
})

/** Leaves a batch at the vendor, for the next run to find; `lost`: before its id is noted. */
async function leftBehind(lost: boolean) {
  const setup = await setUpLane({ batch: { processingMs: 1e9 } })
  const died = new Error("the process died")
  const { journal, notes } = notingJournal((note, when) => {
    if (lost && note.endsWith(" id") && when === "before") throw died
  })
  const controller = new AbortController()
  const running = outcomesOf(setup, setup.ask.openai, texts(3), "batch", { journal, signal: controller.signal })
  await vi.waitFor(() => expect(setup.vendor.stats().batches.jobs).toBe(1), { interval: 5 })
  if (!lost) await vi.waitFor(() => expect([...notes.keys()].some((note) => note.endsWith(" id"))).toBe(true))
  controller.abort(died)
  await running.catch(() => {})
  return { setup, journal: notingJournal(undefined, notes).journal }
}

describe("a run that is cancelled as soon as it goes on with a batch ends, and leaves the batch alone", () => {
  const reason = new Error("enough")

  it.each([
    ["before its calls have looked for it", false],
    ["before its calls have looked for one whose id was not noted", true],
  ])("%s", async (_when, lost) => {
    const { setup, journal } = await leftBehind(lost)
    const next = clientsOf(setup.vendor)
    const controller = new AbortController()
    const ask = (prompt: string): Promise<string> => {
      controller.abort(reason)
      return next.ask.openai(prompt)
    }
    await expect(outcomesOf(next, ask, texts(3), "batch", { journal, signal: controller.signal })).rejects.toBe(reason)
    expect(next.events.filter(({ type }) => type === "vendor-batch")).toEqual([])
    expect(setup.vendor.stats().batches).toMatchObject({ jobs: 1, answered: 0 })
  })

  it.each([
    ["while the vendor does not say how it does", false],
    ["while the vendor does not say which batches there are", true],
  ])("%s", async (_when, lost) => {
    const { setup, journal } = await leftBehind(lost)
    const controller = new AbortController()
    const next = clientsOf(setup.vendor, {
      fetch: (_input, init) => {
        const never = new Promise<Response>((_, reject) => {
          init!.signal!.addEventListener("abort", () => reject(init!.signal!.reason))
        })
        controller.abort(reason)
        return never
      },
      timeoutMs: 1e9,
    })
    const running = outcomesOf(next, next.ask.openai, texts(3), "batch", { journal, signal: controller.signal })
    await expect(running).rejects.toBe(reason)
  })

  it("a batch that nobody waited for any more before it was full is not submitted", async () => {
    const setup = await setUpLane()
    const controller = new AbortController()
    const ask = (prompt: string): Promise<string> => {
      controller.abort(reason)
      return setup.ask.openai(prompt)
    }
    const { journal, notes } = notingJournal()
    const running = outcomesOf(setup, ask, texts(3), "batch", { journal, signal: controller.signal })
    await expect(running).rejects.toBe(reason)
    // What gathers requests would have submitted them by now.
    await sleep(setup.clock, 300_000)
    const ofLane = [...notes.keys()].filter((name) => !name.startsWith("work "))
    expect([ofLane, setup.vendor.stats().batches.jobs]).toEqual([[], 0])
  })
})

describe("what is noted of batches", () => {
  it("is forgotten at the end of the node: an item that failed then is asked anew", async () => {
    const setup = await setUpLane()
    const { journal, notes } = notingJournal()
    const ask = async (prompt: string): Promise<string> => {
      const answer = await setup.ask.openai(prompt)
      if (answer === "Text 1" && setup.vendor.stats().batches.jobs === 1) throw new Error("not good enough")
      return answer
    }
    const first = await outcomesOf(setup, ask, texts(3), "batch", { journal })
    expect(first.map(({ status }) => status)).toEqual(["ok", "failed", "ok"])
    expect([...notes].find(([note]) => note.endsWith("]"))?.[1]).toEqual([])

    const next = clientsOf(setup.vendor)
    const second = await outcomesOf(next, next.ask.openai, ["Text 1"], "batch", { journal: notingJournal().journal })
    expect(valuesOf(second)).toEqual(["Text 1"])
    expect(setup.vendor.stats().batches).toMatchObject({ jobs: 2, answered: 4, repeats: 1 })
  })

  it("an item's own retry of a request that was answered is a new request", async () => {
    const setup = await setUpLane()
    let asks = 0
    const ask = async (prompt: string): Promise<string> => {
      const answer = await setup.ask.openai(prompt)
      if (asks++ === 0) throw new Error("not good enough")
      return answer
    }
    const retry = { maxAttempts: 2, backoff: { initialMs: 1, factor: 1, maxMs: 1 } }
    const { journal } = notingJournal()
    expect(valuesOf(await outcomesOf(setup, ask, texts(1), "batch", { journal }, { retry }))).toEqual(texts(1))
    expect(setup.vendor.stats().batches).toMatchObject({ jobs: 2, answered: 2 })
  })

  it("an item that gave up waiting finds its request in the batch that has it", async () => {
    const setup = await setUpLane({ batch: { processingMs: 400_000 } })
    const { journal } = notingJournal()
    const retry = { maxAttempts: 9, backoff: { initialMs: 1, factor: 1, maxMs: 1 } }
    const more = { retry, timeoutMs: 250_000 }
    const outcomes = await outcomesOf(setup, setup.ask.openai, texts(3), "batch", { journal }, more)
    expect(valuesOf(outcomes)).toEqual(texts(3))
    expect(outcomes[0]!.attempts).toBeGreaterThan(1)
    expect(setup.vendor.stats()).toMatchObject({ arrived: 0, batches: { jobs: 1, answered: 3, repeats: 0 } })
  })

  it("two equal requests have an answer each", async () => {
    const setup = await setUpLane()
    const { journal } = notingJournal()
    const prompts = ["Same", "Same", "Other"]
    expect(valuesOf(await outcomesOf(setup, setup.ask.openai, prompts, "batch", { journal }))).toEqual(prompts)
    expect(setup.vendor.stats().batches).toMatchObject({ jobs: 1, answered: 3 })
  })

  it("holds no prompt and no key", async () => {
    const setup = await setUpLane()
    const { journal, notes } = notingJournal()
    await outcomesOf(setup, setup.ask.openai, texts(3), "batch", { journal })
    expect(notes.size).toBeGreaterThan(2)
    expect(JSON.stringify([...notes])).not.toMatch(/Text|Bearer/)
  })
})
