import type { SluiceEvent } from "@sluice/core"
import { startVendor, VirtualClock } from "@sluice/lab"
import { sleep } from "@sluice/scheduler"
import { describe, expect, it, onTestFinished } from "vitest"
import { limitedFetch, type LimitedFetch, type LimitedFetchOptions } from "../../../src/index.ts"

interface Setup {
  readonly clock: VirtualClock
  readonly limited: LimitedFetch
  readonly events: SluiceEvent[]
  readonly sent: { readonly aborted: () => unknown }[]
  /** Resolves to how long the call took. */
  readonly ask: (more?: { headers?: Record<string, string>; stream?: boolean }) => Promise<number>
}

const never = 1e12

/** A vendor on the virtual clock whose n-th answer takes as long as `script` says. */
function setUp(script: (n: number) => number, options: LimitedFetchOptions): Setup {
  const clock = new VirtualClock()
  const sent: { aborted: () => unknown }[] = []
  const events: SluiceEvent[] = []
  const limited = limitedFetch({
    clock,
    random: { next: () => 0.5 },
    onEvent: (event) => events.push(event),
    fetch: async (_input, init) => {
      const signal = init!.signal!
      const ms = script(sent.push({ aborted: () => signal.aborted }) - 1)
      await sleep(clock, ms, signal)
      const { stream } = JSON.parse(init!.body as string) as { stream: boolean }
      if (!stream) {
        const usage = { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 }
        return Response.json({ choices: [{ message: { role: "assistant", content: "hi" } }], usage })
      }
      const text = 'data: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: [DONE]\n\n'
      return new Response(text, { headers: { "content-type": "text/event-stream" } })
    },
    ...options,
  })
  return {
    clock,
    limited,
    events,
    sent,
    async ask({ headers = {}, stream = false } = {}) {
      const startMs = clock.now()
      const response = await limited("https://api.openai.com/v1/chat/completions", {
        method: "POST",
        headers: { authorization: "Bearer k", "content-type": "application/json", ...headers },
        body: JSON.stringify({ model: "m", stream, messages: [{ role: "user", content: "hi" }] }),
      })
      await response.text()
      return clock.now() - startMs
    },
  }
}

/** So many calls of 100 ms, one after the other. */
async function warmUp({ clock, ask }: Setup, calls: number, stream = false): Promise<void> {
  for (let i = 0; i < calls; i++) await clock.run(ask({ stream }))
}

const decisions = (events: readonly SluiceEvent[]): string[] =>
  events.flatMap((event) => (event.type === "http-attempt" ? [event.decision] : []))

describe("hedge", () => {
  it.each([false, true])("sends a call that hangs a second time, stream: %s; both are paid for", async (stream) => {
    const setup = setUp((n) => (n === 60 ? never : 100), { hedge: {} })
    await warmUp(setup, 60, stream)
    // The call that hangs is late after 100 ms; the other takes 100.
    expect(await setup.clock.run(setup.ask({ stream }))).toBe(200)
    expect(setup.sent.length).toBe(62)
    expect(setup.sent[60]!.aborted()).toBe(true)
    expect(setup.sent[61]!.aborted()).toBe(false)
    expect(decisions(setup.events).slice(-2)).toEqual(["hedged", "ok"])
    const usage = setup.events.filter((event) => event.type === "usage")
    expect([usage.length, usage.filter(({ estimated }) => estimated).length]).toEqual(stream ? [62, 62] : [62, 1])
    expect(setup.limited.snapshot().map(({ inFlight }) => inFlight)).toEqual([0])
  })

  it("is off unless asked for", async () => {
    const setup = setUp((n) => (n === 60 ? 5_000 : 100), {})
    await warmUp(setup, 60)
    expect(await setup.clock.run(setup.ask())).toBe(5_000)
    expect(setup.sent.length).toBe(61)
  })

  it("holds for no larger share of the calls than it says", async () => {
    const setup = setUp((n) => (n < 60 ? 100 : 5_000), { hedge: { maxShare: 0.05 } })
    await warmUp(setup, 60)
    await setup.clock.run(Promise.all(Array.from({ length: 20 }, () => setup.ask())))
    expect(decisions(setup.events).filter((decision) => decision === "hedged").length).toBe(4)
    expect(setup.sent.length).toBe(84)
  })

  it("takes no place that others wait for, and none where there is none", async () => {
    const setup = setUp((n) => (n === 60 ? 5_000 : 100), { hedge: {}, concurrency: 1 })
    await warmUp(setup, 60)
    expect(await setup.clock.run(setup.ask())).toBe(5_000)
    expect(setup.sent.length).toBe(61)
  })

  it("sends a call again as soon as nobody waits any more, though others waited when it became late", async () => {
    const setup = setUp((n) => (n === 200 ? 40_000 : 100), {
      hedge: {},
      requestsPerMinute: { limit: 1_200, kind: "bucket", burst: 20 },
      jitterMs: 0,
    })
    const { clock, limited } = setup
    // 20 at once and 280 at 20 a second; the one that hangs was sent after 9 s.
    const all = await clock.run(Promise.all(Array.from({ length: 300 }, () => setup.ask())))
    expect(clock.now()).toBeLessThan(14_500)
    expect([setup.sent.length, decisions(setup.events).filter((decision) => decision === "hedged").length]).toEqual([
      301, 1,
    ])
    // It took no turn of those who waited.
    expect(setup.sent.findIndex(({ aborted }) => aborted())).toBe(200)
    expect(Math.max(...all)).toBe(clock.now())
    expect(limited.snapshot().map(({ inFlight, waiting }) => [inFlight, waiting])).toEqual([[0, 0]])
    expect(clock.pending).toBe(0)
  })

  it("takes no turn of those who came after it, and every attempt is charged to the quota", async () => {
    const setup = setUp((n) => (n === 80 ? 40_000 : 100), {
      hedge: {},
      requestsPerMinute: { limit: 600, kind: "bucket", burst: 1 },
      jitterMs: 0,
    })
    const { clock, limited } = setup
    const ask = async (): Promise<number> => {
      await setup.ask()
      return clock.now()
    }
    const first = Array.from({ length: 100 }, ask)
    // The call that hangs has been late for a second, and twenty more come behind it.
    await clock.advance(9_200)
    expect(setup.sent.length).toBe(93)
    const later = Array.from({ length: 20 }, ask)
    const endedMs = await clock.run(Promise.all([...first, ...later]))
    expect(setup.sent.findIndex(({ aborted }) => aborted())).toBe(80)
    expect(setup.sent.length).toBe(121)
    // A tenth of a second for each of 121: the second attempt was the last to leave, and took a turn of its own.
    expect(endedMs.indexOf(Math.max(...endedMs))).toBe(80)
    expect(Math.max(...endedMs)).toBeCloseTo(12_100, 5)
    expect(endedMs.at(-1)).toBeCloseTo(12_000, 5)
    expect(limited.snapshot().map(({ inFlight, waiting }) => [inFlight, waiting])).toEqual([[0, 0]])
  })

  it("sends a call again as soon as a place is free, though there was none when it became late", async () => {
    const setup = setUp((n) => (n === 60 ? never : n === 61 ? 5_000 : 100), { hedge: {}, concurrency: 2 })
    await warmUp(setup, 60)
    const both = await setup.clock.run(Promise.all([setup.ask(), setup.ask()]))
    expect(both).toEqual([5_100, 5_000])
    expect([setup.sent.length, setup.sent[60]!.aborted()]).toEqual([63, true])
  })

  it.each(["fails", "hangs too"])("sends it once more where the second %s, as late as the first was", async (what) => {
    let n = 0
    const clock = new VirtualClock()
    const limited = limitedFetch({
      clock,
      random: { next: () => 0.5 },
      hedge: { maxShare: 0.1 },
      fetch: async (_input, init) => {
        const call = n++
        const hangs = call === 60 || (call === 61 && what !== "fails")
        await sleep(clock, hangs ? never : 100, init!.signal!)
        if (call === 61) return Response.json({ error: { message: "not now" } }, { status: 500 })
        const usage = { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 }
        return Response.json({ choices: [{ message: { role: "assistant", content: "hi" } }], usage })
      },
    })
    const ask = async (): Promise<number> => {
      const response = await limited("https://api.openai.com/v1/chat/completions", {
        method: "POST",
        headers: { authorization: "Bearer k", "content-type": "application/json" },
        body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }] }),
      })
      await response.text()
      return response.status
    }
    for (let i = 0; i < 60; i++) await clock.run(ask())
    const startMs = clock.now()
    expect(await clock.run(ask())).toBe(200)
    // Late after 100 ms, the second after 100 more; the third takes 100.
    expect([n, clock.now() - startMs]).toEqual([63, 300])
    expect([limited.snapshot()[0]!.inFlight, clock.pending]).toEqual([0, 0])
  })

  it("sends a call again once the share of all calls allows it", async () => {
    const setup = setUp((n) => (n === 60 || n === 61 ? never : 100), { hedge: {} })
    await warmUp(setup, 60)
    const late: number[] = []
    const hung = [0, 1].map(() => setup.ask().then((ms) => late.push(ms)))
    await setup.clock.advance(1_000)
    // Two of a hundred are two.
    expect(late).toEqual([200])
    await warmUp(setup, 37)
    expect(late).toHaveLength(1)
    await warmUp(setup, 1)
    await setup.clock.run(Promise.all(hung))
    expect(late).toHaveLength(2)
    expect(decisions(setup.events).filter((decision) => decision === "hedged").length).toBe(2)
  })

  it("sends a call again that was sent before anything was known, once what is slow is known", async () => {
    const setup = setUp((n) => (n === 0 ? never : 100), { hedge: {} })
    const first = setup.ask()
    await warmUp(setup, 49)
    expect(setup.sent.length).toBe(50)
    await warmUp(setup, 1)
    expect(await setup.clock.run(first)).toBe(5_100)
    expect([setup.sent.length, setup.sent[0]!.aborted()]).toEqual([52, true])
  })

  it.each<[string, LimitedFetchOptions, number]>([
    ["a place", { concurrency: 1 }, 1],
    ["its turn", { requestsPerMinute: { limit: 61, kind: "sliding" }, maxWaitMs: 1_000 }, 1],
    ["the share", { hedge: { maxShare: 0.001 } }, 0],
  ])("that waits for %s ends with the answer, and leaves nothing", async (_what, options, waiting) => {
    const setup = setUp((n) => (n === 60 ? 5_000 : 100), { hedge: {}, ...options })
    await warmUp(setup, 60)
    const call = setup.ask()
    await setup.clock.advance(1_000)
    expect(setup.limited.snapshot().map((quota) => quota.waiting)).toEqual([waiting])
    expect(await setup.clock.run(call)).toBe(5_000)
    expect(setup.sent.length).toBe(61)
    expect(setup.limited.snapshot().map(({ inFlight, waiting }) => [inFlight, waiting])).toEqual([[0, 0]])
    expect(setup.clock.pending).toBe(0)
  })

  it("that waits ends with the caller's cancel, and with close", async () => {
    for (const end of ["cancel", "close"]) {
      const setup = setUp((n) => (n === 60 ? 5_000 : 100), { hedge: {}, concurrency: 1 })
      await warmUp(setup, 60)
      const controller = new AbortController()
      const call = setup.limited("https://api.openai.com/v1/chat/completions", {
        method: "POST",
        headers: { authorization: "Bearer k", "content-type": "application/json" },
        body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }] }),
        signal: controller.signal,
      })
      const ended = call.then(({ status }) => status, String)
      await setup.clock.advance(1_000)
      if (end === "cancel") controller.abort("enough")
      else void setup.limited.close()
      expect(await setup.clock.run(ended)).toBe(end === "cancel" ? "enough" : 200)
      expect([setup.sent.length, setup.clock.pending]).toEqual([61, 0])
    }
  })

  it("leaves a call alone that the caller has made unique by a key of his own", async () => {
    const setup = setUp((n) => (n === 60 ? 5_000 : 100), { hedge: {} })
    await warmUp(setup, 60)
    expect(await setup.clock.run(setup.ask({ headers: { "idempotency-key": "mine" } }))).toBe(5_000)
    expect(setup.sent.length).toBe(61)
  })

  it("a cancel of the caller ends both", async () => {
    const setup = setUp((n) => (n >= 60 ? never : 100), { hedge: {} })
    await warmUp(setup, 60)
    const controller = new AbortController()
    const call = setup.limited("https://api.openai.com/v1/chat/completions", {
      method: "POST",
      headers: { authorization: "Bearer k", "content-type": "application/json" },
      body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }] }),
      signal: controller.signal,
    })
    setup.clock.setTimer(1_000, () => controller.abort("enough"))
    await expect(setup.clock.run(call)).rejects.toBe("enough")
    expect(setup.sent.slice(-2).map(({ aborted }) => aborted())).toEqual([true, true])
    expect([setup.sent.length, setup.limited.snapshot()[0]?.inFlight]).toEqual([62, 0])
  })

  it("over HTTP, beside a vendor of which some calls hang: all are answered, and none is left in flight", async () => {
    const vendor = await startVendor({
      latency: { baseMs: 10, perOutputTokenMs: 0 },
      answer: "echo",
      faults: { rates: { hang: 0.03 } },
    })
    onTestFinished(() => vendor.stop())
    const events: SluiceEvent[] = []
    const limited = limitedFetch({
      concurrency: 8,
      timeoutMs: 3_000,
      hedge: { maxShare: 0.1 },
      onEvent: (event) => events.push(event),
    })
    const ask = async (n: number): Promise<number> => {
      const response = await limited(`${vendor.url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: "Bearer k", "content-type": "application/json" },
        body: JSON.stringify({ model: "m", messages: [{ role: "user", content: `Text ${n}` }] }),
      })
      await response.text()
      return response.status
    }
    const statuses: number[] = []
    for (let i = 0; i < 300; i += 6) {
      statuses.push(...(await Promise.all(Array.from({ length: 6 }, (_, k) => ask(i + k)))))
    }
    expect(new Set(statuses)).toEqual(new Set([200]))
    expect(decisions(events)).toContain("hedged")
    expect(limited.snapshot()[0]?.inFlight).toBe(0)
  }, 60_000)
})

describe("adaptiveTimeout", () => {
  it("gives an attempt up that takes many times as long as usual, and tries again", async () => {
    const setup = setUp((n) => (n === 60 ? never : 300), { adaptiveTimeout: { times: 5 } })
    await warmUp(setup, 60)
    // 5 × 300 ms, a backoff of three quarters of a second, and 300 ms.
    expect(await setup.clock.run(setup.ask())).toBe(1_500 + 750 + 300)
    expect(decisions(setup.events).slice(-2)).toEqual(["retry", "ok"])
  })

  it("of a stream counts until it begins: one that has begun may take as long as it does", async () => {
    const clock = new VirtualClock()
    let sent = 0
    const limited = limitedFetch({
      clock,
      random: { next: () => 0.5 },
      adaptiveTimeout: { times: 5 },
      fetch: async (_input, init) => {
        const n = sent++
        await sleep(clock, n === 60 ? never : 300, init!.signal!)
        const pieces = ['data: {"choices":[{"delta":{"content":"a"}}]}\n\n', "data: [DONE]\n\n"]
        const body = new ReadableStream<Uint8Array>({
          async pull(controller) {
            if (pieces.length === 1) await sleep(clock, 60_000)
            const piece = pieces.shift()
            if (piece === undefined) controller.close()
            else controller.enqueue(new TextEncoder().encode(piece))
          },
        })
        return new Response(body, { headers: { "content-type": "text/event-stream" } })
      },
    })
    const ask = async (): Promise<string> => {
      const response = await limited("https://api.openai.com/v1/chat/completions", {
        method: "POST",
        headers: { authorization: "Bearer k", "content-type": "application/json" },
        body: JSON.stringify({ model: "m", stream: true, messages: [{ role: "user", content: "hi" }] }),
      })
      return response.text()
    }
    for (let i = 0; i < 60; i++) expect(await clock.run(ask())).toContain("[DONE]")
    const startMs = clock.now()
    expect(await clock.run(ask())).toContain("[DONE]")
    // 5 × 300 ms, not 5 × a minute; then a backoff, and a stream of a minute.
    expect([sent, clock.now() - startMs]).toEqual([62, 1_500 + 750 + 300 + 60_000])
  })

  it("gives no call up for ever where the vendor has become slower", async () => {
    const setup = setUp((n) => (n < 60 ? 300 : 4_000), { adaptiveTimeout: { times: 5 } })
    await warmUp(setup, 60)
    // 1,500 and 3,000 are not enough; 6,000 are.
    await setup.clock.run(setup.ask())
    expect(setup.sent.length).toBe(63)
    for (let i = 0; i < 100; i++) await setup.clock.run(setup.ask())
    const before = setup.sent.length
    // What is usual has been learned anew.
    await setup.clock.run(setup.ask())
    expect(setup.sent.length).toBe(before + 1)
  })

  it("says what was too long, and what to do", async () => {
    const setup = setUp((n) => (n < 60 ? 300 : never), { adaptiveTimeout: { times: 5 }, retry: { maxAttempts: 1 } })
    await warmUp(setup, 60)
    await expect(setup.clock.run(setup.ask())).rejects.toThrow(
      /timed out: no answer within 1500 ms \(adaptiveTimeout\).* Raise adaptiveTimeout\.times/,
    )
  })

  it("and hedge: options that make no sense are named", () => {
    expect(() => limitedFetch({ hedge: { quantile: 2 } })).toThrow(/hedge\.quantile must be a number between 0 and 1/)
    expect(() => limitedFetch({ adaptiveTimeout: { times: 1 } })).toThrow(/adaptiveTimeout\.times/)
    expect(() => limitedFetch({ hedge: { maxshare: 0.1 } as object })).toThrow(/maxShare/)
  })
})
