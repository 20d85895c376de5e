import { VirtualClock, seededRandom } from "@sluice/lab"
import { expect, test } from "vitest"
import { limitedFetch } from "../../../src/index.ts"

test("a vendor that never answers is asked six times, and the call ends within 61 minutes", async () => {
  const clock = new VirtualClock()
  let asked = 0
  const silent: typeof globalThis.fetch = (_input, init) =>
    new Promise((_resolve, reject) => {
      asked++
      init?.signal?.addEventListener("abort", () => reject(init.signal?.reason as Error))
    })
  const fetch = limitedFetch({ clock, random: seededRandom(1), fetch: silent })
  const failed = fetch("https://api.openai.com/v1/chat/completions", {
    method: "POST",
    body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }] }),
  }).catch((error: unknown) => error)
  const error = await clock.run(failed)
  expect(error).toMatchObject({ name: "VendorError", code: "timeout" })
  expect((error as { attempts: readonly unknown[] }).attempts).toHaveLength(6)
  expect(asked).toBe(6)
  expect(clock.now()).toBeGreaterThan(60 * 60_000)
  expect(clock.now()).toBeLessThanOrEqual(60 * 60_000 + 31_000)
})
