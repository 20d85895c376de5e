import { startVendor, type VendorServer } from "@sluice/lab"
import { parallelMap } from "@sluice/scheduler"
import OpenAI from "openai"
import { afterEach, describe, expect, it } from "vitest"
import { limitedFetch, openaiOptions } from "../../../src/index.ts"
import { scriptedServer } from "../../scripted-server.ts"

let vendor: VendorServer | undefined
afterEach(async () => {
  await vendor?.stop()
  vendor = undefined
})

const messages = [{ role: "user" as const, content: "hi" }]
const vendorOf600 = async (): Promise<VendorServer> =>
  (vendor = await startVendor({ limits: { requests: 600 }, latency: { baseMs: 20, perOutputTokenMs: 0 } }))

/** What OpenAI's headers say of 600 requests a minute, of which so many were used. */
const headersAfter = (used: number): Record<string, string> => ({
  "x-ratelimit-limit-requests": "600",
  "x-ratelimit-remaining-requests": `${600 - used}`,
  "x-ratelimit-reset-requests": `${used * 100}ms`,
})

describe("after a first answer that is none, with rate-limit headers, one call after the other", () => {
  it.each([
    [400, "answered to its caller"],
    [404, "answered to its caller"],
    [422, "answered to its caller"],
    [500, "tried again"],
    [503, "tried again"],
    [529, "tried again"],
  ])(
    "%d, %s: nobody is held back",
    async (status) => {
      const server = await scriptedServer((n, response) => {
        const code = n === 0 ? status : 200
        response.writeHead(code, { "content-type": "application/json", ...headersAfter(n + 1) })
        const answer = {
          choices: [{ index: 0, message: { role: "assistant", content: "fine" }, finish_reason: "stop" }],
          usage: { prompt_tokens: 5, completion_tokens: 1, total_tokens: 6 },
        }
        response.end(JSON.stringify(code === 200 ? answer : { error: { message: "not now", type: "of some kind" } }))
      })
      const fetch = limitedFetch()
      const statuses: number[] = []
      const startMs = performance.now()
      for (let i = 0; i < 8; i++) {
        const response = await fetch(`${server.url}/v1/chat/completions`, {
          method: "POST",
          headers: { "content-type": "application/json", authorization: "Bearer k" },
          body: JSON.stringify({ model: "m", max_tokens: 5, messages }),
          signal: AbortSignal.timeout(20_000),
        })
        await response.text()
        statuses.push(response.status)
      }
      expect(performance.now() - startMs).toBeLessThan(15_000)
      expect(statuses).toEqual([status < 500 ? status : 200, ...Array.from({ length: 7 }, () => 200)])
      expect(server.calls).toHaveLength(status < 500 ? 8 : 9)
      expect(fetch.snapshot()).toMatchObject([{ waiting: 0, inFlight: 0 }])
      await fetch.close()
    },
    60_000,
  )
})

describe("told nothing, at a vendor that sends headers", () => {
  it("OpenAI's own client, one call after the other", async () => {
    const { url } = await vendorOf600()
    const limited = limitedFetch()
    const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", ...openaiOptions(limited) })
    const startMs = performance.now()
    for (let i = 0; i < 8; i++) {
      const signal = AbortSignal.timeout(20_000)
      const { choices } = await openai.chat.completions.create({ model: "m", messages }, { signal })
      expect(choices[0]?.message.content).toBe("OK.")
    }
    expect(performance.now() - startMs).toBeLessThan(15_000)
    expect(vendor!.stats()).toMatchObject({ arrived: 8, answered: 8 })
    await limited.close()
  }, 60_000)

  it("parallelMap with one call at a time", async () => {
    const { url } = await vendorOf600()
    const limited = limitedFetch()
    const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", ...openaiOptions(limited) })
    const startMs = performance.now()
    const ask = async (): Promise<string | null> => {
      const { choices } = await openai.chat.completions.create({ model: "m", messages })
      return choices[0]!.message.content
    }
    const texts: (string | null)[] = []
    const stop = AbortSignal.timeout(20_000)
    for await (const outcome of parallelMap([1, 2, 3, 4, 5, 6, 7, 8], ask, { concurrency: 1, signal: stop })) {
      if (outcome.status === "failed") throw outcome.error
      texts.push(outcome.value)
    }
    expect(performance.now() - startMs).toBeLessThan(15_000)
    expect(texts).toEqual(Array.from({ length: 8 }, () => "OK."))
    expect(vendor!.stats()).toMatchObject({ arrived: 8, maxInFlight: 1 })
    await limited.close()
  }, 60_000)
})
