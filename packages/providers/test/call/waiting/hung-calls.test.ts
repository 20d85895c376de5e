import { createVirtualVendor, type FaultOptions, oracle, seededRandom, VirtualClock } from "@sluice/lab"
import { expect, it } from "vitest"
import { type HedgeOptions, limitedFetch } from "../../../src/index.ts"

interface Ended {
  /** Of the least possible time. */
  readonly times: number
  readonly answered: number
  readonly hedged: number
  readonly inFlight: number
}

/** A batch at 500 a minute through `limitedFetch`, on the virtual clock. */
async function batch(count: number, seed: number, rates: FaultOptions["rates"], hedge?: HedgeOptions): Promise<Ended> {
  const random = seededRandom(seed)
  const calls = Array.from({ length: count }, (_, id) => ({
    id: `${id}`,
    inputTokens: 400,
    outputTokens: Math.round(50 + 200 * random.next()),
  }))
  const truth = {
    limits: { requests: 500 },
    latency: { baseMs: 400, perOutputTokenMs: 12, heavyTail: 0.4 },
    faults: { rates: rates ?? {} },
    headers: "none",
    seed,
    networkMs: 20,
  } as const
  const clock = new VirtualClock()
  const vendor = createVirtualVendor({ ...truth, clock })
  let hedged = 0
  const limited = limitedFetch({
    clock,
    random: seededRandom(seed + 1),
    requestsPerMinute: { limit: 500, kind: "bucket" },
    ...(hedge && { hedge }),
    onEvent: (event) => void (event.type === "http-attempt" && event.decision === "hedged" && hedged++),
    fetch: async (_input, init) => {
      const { user } = JSON.parse(init!.body as string) as { user: string }
      const answer = await vendor.call({ ...calls[Number(user)]!, signal: init!.signal! })
      if (answer.status !== 200) return Response.json({ error: { message: "not now" } }, { status: answer.status })
      const { inputTokens, outputTokens } = answer.usage!
      const usage = { prompt_tokens: inputTokens, completion_tokens: outputTokens }
      return Response.json({ choices: [{ message: { role: "assistant", content: "hi" } }], usage })
    },
  })
  let answered = 0
  await clock.run(
    Promise.all(
      calls.map(async ({ id }) => {
        const response = await limited("https://api.openai.com/v1/chat/completions", {
          method: "POST",
          headers: { authorization: "Bearer k", "content-type": "application/json" },
          body: JSON.stringify({ model: "m", user: id, messages: [{ role: "user", content: "hi" }] }),
        })
        await response.text()
        if (response.status === 200) answered++
      }),
    ),
  )
  const { timeMs } = oracle(calls, { ...truth, faults: { rates: { ...rates, hang: 0 } } })
  return { times: clock.now() / timeMs, answered, hedged, inFlight: limited.snapshot()[0]!.inFlight }
}

const rates = { error500: 0.02, reset: 0.01, error503: 0.01, error529: 0.01, hang: 0.01 }

it.each([1, 2, 3])(
  "one call in a hundred hangs, five fail: hedge ends a batch without their time-outs (seed %i)",
  async (seed) => {
    const { times, answered, hedged, inFlight } = await batch(2_000, seed, rates, {})
    expect([answered, inFlight]).toEqual([2_000, 0])
    // 4 and more without.
    expect(times).toBeLessThanOrEqual(1.1)
    expect(hedged).toBeLessThanOrEqual(40)
  },
  60_000,
)
