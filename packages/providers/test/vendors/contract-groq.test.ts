import { startVendor } from "@sluice/lab"
import OpenAI from "openai"
import { expect, it, onTestFinished, vi } from "vitest"
import { limitedFetch, openaiOptions } from "../../src/index.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

it("Groq's *-requests headers count a day: a model whose day they say is spent is not called again", async () => {
  const vendor = await startVendor({ limits: { requestsPerDay: 5 }, latency: { baseMs: 1, perOutputTokenMs: 0 } })
  const limited = limitedFetch({ vendor: "groq" })
  onTestFinished(async () => {
    await vendor.stop()
    await limited.close()
  })
  const client = new OpenAI({ baseURL: `${vendor.url}/v1`, apiKey: "k", ...openaiOptions(limited) })
  const ask = (model: string, n: number): Promise<unknown> =>
    client.chat.completions
      .create({ model, messages: [{ role: "user", content: `Say ${n}` }] })
      .then(({ choices }) => choices[0]!.message.content)
      .catch((error: unknown) => error)
  const ends: unknown[] = []
  for (let n = 0; n < 8; n++) ends.push(await ask("m", n))
  expect(ends.slice(0, 5)).toEqual(["OK.", "OK.", "OK.", "OK.", "OK."])
  // Nothing was refused, so there is no answer of the vendor to hand on: the SDK's error has ours as its cause.
  const unsent = { cause: { code: "quota-exhausted", details: { resetMs: expect.any(Number) as number } } }
  expect(ends.slice(5)).toMatchObject([unsent, unsent, unsent])
  expect(vendor.stats().arrived).toBe(5)
  // Of another model nobody knows that until the vendor says so: one call for all of its queue.
  const others = await Promise.all([8, 9].map((n) => ask("other", n)))
  expect(others.every((error) => error instanceof OpenAI.RateLimitError)).toBe(true)
  expect(await ask("other", 10)).toBeInstanceOf(OpenAI.RateLimitError)
  expect(vendor.stats().arrived).toBeLessThanOrEqual(7)
})
