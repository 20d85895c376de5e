import { AzureChatOpenAI } from "@langchain/openai"
import { startVendor, type LimitOptions, type VendorServer } from "@sluice/lab"
import OpenAI, { AzureOpenAI } from "openai"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { limitedFetch, type LimitedFetch, type LimitedFetchOptions, openaiOptions } from "../../src/index.ts"
import { inFlight } from "../fake-vendor.ts"
import { fastClock } from "../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

/** A clock that is faster than the machine's, by so little that its milliseconds stay small beside a slice. */
async function azure(
  requests: LimitOptions,
  limits: LimitedFetchOptions = {},
  speed = 1,
): Promise<{ vendor: VendorServer; limited: LimitedFetch; client: AzureOpenAI }> {
  const clock = fastClock(speed)
  const vendor = await startVendor({ limits: { requests }, latency: { baseMs: 1, perOutputTokenMs: 0 }, clock })
  const limited = limitedFetch({ vendor: "azure", clock, ...limits })
  onTestFinished(async () => {
    await vendor.stop()
    await limited.close()
  })
  const client = new AzureOpenAI({
    endpoint: vendor.url,
    apiKey: "k",
    apiVersion: "2024-10-21",
    deployment: "my-gpt",
    ...openaiOptions(limited),
  })
  return { vendor, limited, client }
}

const ask = (client: OpenAI, n: number): Promise<unknown> =>
  client.chat.completions.create({ model: "my-gpt", messages: [{ role: "user", content: `Say ${n}` }] })

describe("Azure, which checks a minute's requests over slices of it", () => {
  it.each([
    ["1 s, nothing told", 1000, 600, 40, {}, 1],
    ["1 s, the minute told", 1000, 600, 40, { requestsPerMinute: 600 }, 1],
    ["10 s, nothing told", 10_000, 120, 50, {}, 8],
    ["less than one call each", 1000, 40, 8, {}, 4],
  ])(
    "of %s: sends evenly, and after the first few none is refused",
    async (_name, sliceMs, limit, calls, told, speed) => {
      const { vendor, limited, client } = await azure({ limit, model: "slices", sliceMs }, told, speed)
      await Promise.all(Array.from({ length: calls }, (_, n) => ask(client, n)))
      const { answered, repeats, refused } = vendor.stats()
      expect([answered, repeats, inFlight(limited)]).toEqual([calls, 0, 0])
      // Nobody knows the limit before the first answer; a busy machine delays a call into the next slice now and then.
      expect(refused).toBeLessThanOrEqual(10 + calls / 10)
      const slice = limited.snapshot()[0]!.limits.find(({ windowMs = 60_000 }) => windowMs < 60_000)!
      const perSlice = Math.max(1, limit / 60)
      expect(slice.others).toBe(0)
      // Such a call's refusal takes a little of it for a while.
      expect(slice.limit).toBeGreaterThanOrEqual(0.8 * perSlice)
      expect(slice.limit).toBeLessThanOrEqual(perSlice)
    },
  )
})

it("Azure's clients: the deployment names the quota, chat, responses, embeddings and LangChain", async () => {
  const { vendor, limited, client } = await azure({ limit: 6000, model: "bucket" })
  await ask(client, 1)
  const v1 = new OpenAI({ baseURL: `${vendor.url}/openai/v1`, apiKey: "k", ...openaiOptions(limited) })
  expect((await v1.responses.create({ model: "my-gpt", input: "Say hello" })).output_text).toBe("OK.")
  expect((await v1.embeddings.create({ model: "e", input: ["one", "two"] })).data).toHaveLength(2)
  const model = new AzureChatOpenAI({
    azureOpenAIApiKey: "k",
    azureOpenAIApiDeploymentName: "my-gpt",
    azureOpenAIApiVersion: "2024-10-21",
    azureOpenAIEndpoint: vendor.url,
    maxRetries: 0,
    configuration: openaiOptions(limited),
  })
  expect((await model.invoke("Say hello")).content).toBe("OK.")
  expect(vendor.stats()).toMatchObject({ answered: 4, badRequests: 0 })
  // The same key is the same account, whichever header it comes in; each deployment has its quota.
  const quotas = limited.snapshot().map(({ name }) => name.split("/")[2])
  expect([...new Set(quotas)].toSorted((a = "", b = "") => a.localeCompare(b))).toEqual(["e", "my-gpt"])
})
