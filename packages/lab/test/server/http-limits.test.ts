import { expect, test } from "vitest"
import { VirtualClock, type ServerOptions } from "../../src/index.ts"
import { post, vendorFor } from "./started-vendor.ts"

// What limits do in the course of time, as seen by a client alone: statuses and headers.

const openai = {
  path: "/v1/chat/completions",
  body: { model: "m", messages: [{ role: "user", content: "x".repeat(5_000) }] },
  named: (what: string, dimension: string) => `x-ratelimit-${what}-${dimension}`,
}
const anthropic = {
  path: "/v1/messages",
  body: { ...openai.body, max_tokens: 100 },
  named: (what: string, dimension: string) => `anthropic-ratelimit-${dimension}-${what}`,
}

/** A vendor on a clock of its own; `ask` answers status, limits and what remains. */
async function vendorAt(options: ServerOptions, { path, body, named }: typeof openai | typeof anthropic = openai) {
  const clock = new VirtualClock()
  const { url } = await vendorFor({ clock, answer: { text: "1234" }, ...options })
  const ask = async (dimension = "requests") => {
    const { status, headers } = await post(url + path, body)
    const [limit, remaining] = ["limit", "remaining"].map((what) => Number(headers.get(named(what, dimension))))
    return { status, limit, remaining }
  }
  return { clock, ask }
}

test("limits change on schedule: the next answer says so, and they hold", async () => {
  const schedule = [
    { atMs: 10_000, limits: { requests: 6 } },
    { atMs: 40_000, limits: { requests: 600 } },
  ]
  const { clock, ask } = await vendorAt({ limits: { requests: { limit: 60, burst: 2 } }, schedule })
  expect(await ask()).toMatchObject({ status: 200, limit: 60, remaining: 1 })
  await clock.advance(10_000)
  expect(await ask()).toMatchObject({ status: 200, limit: 6 })
  const refused: number[] = []
  for (let second = 0; second < 30; second++) {
    const { status } = await ask()
    if (status === 429) refused.push(second)
    await clock.advance(1_000)
  }
  // One in ten seconds, beside what stood ready.
  expect(refused.length).toBeGreaterThanOrEqual(26)
  expect(await ask()).toMatchObject({ status: 200, limit: 600 })
  await clock.advance(100)
  expect((await ask()).status).toBe(200)
})

test.each([
  ["OpenAI", openai],
  ["Anthropic", anthropic],
] as const)("%s's headers can lie: what remains never falls, and then there is a refusal", async (_name, voice) => {
  const { ask } = await vendorAt({ headers: "wrong", limits: { requests: { limit: 60, burst: 2 } } }, voice)
  const told = { limit: 60, remaining: 60 }
  expect([await ask(), await ask()]).toEqual([
    { status: 200, ...told },
    { status: 200, ...told },
  ])
  expect(await ask()).toMatchObject({ status: 429, ...told })
})

test("rounded headers: tokens to the nearest thousand, though the vendor does not say that it rounds", async () => {
  const limits = { tokens: 100_000 }
  const exact = await vendorAt({ limits })
  const rounded = await vendorAt({ limits, headers: "rounded" })
  expect((await exact.ask("tokens")).remaining).toBe(98_750)
  expect((await rounded.ask("tokens")).remaining).toBe(99_000)
})

test("somebody else's load is seen in what remains, and nowhere else", async () => {
  const coTenants = [{ requestsPerMinute: 600, fromMs: 1_000, toMs: 2_000 }]
  const { clock, ask } = await vendorAt({ limits: { requests: { limit: 60, burst: 20 } }, coTenants })
  expect((await ask()).remaining).toBe(19)
  await clock.advance(3_000)
  const { status, remaining = 0 } = await ask()
  expect(status).toBe(200)
  // Ten or so came in that second.
  expect(remaining).toBeLessThan(16)
})

test("a day's total is gone until the vendor's day is over", async () => {
  const { clock, ask } = await vendorAt({ limits: { requestsPerDay: 2 } })
  expect([(await ask()).status, (await ask()).status, (await ask()).status]).toEqual([200, 200, 429])
  await clock.advance(86_399_000)
  expect((await ask()).status).toBe(429)
  await clock.advance(1_000)
  expect((await ask()).status).toBe(200)
})
