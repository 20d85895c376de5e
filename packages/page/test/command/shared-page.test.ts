import { expect, onTestFinished, test, vi } from "vitest"
import { findServer, startServer } from "../../../redis/test/redis-server.ts"
import { openPage } from "../../src/index.ts"
import { hasBrowser, openTab, startBrowser } from "../chromium.ts"
import { soon, startRun, until } from "../command.ts"
import { scriptedVendor } from "../scripted-vendor.ts"
import { sharedQuota } from "../shared-quota.ts"

vi.setConfig({ testTimeout: 120_000 })

const program = findServer()

test.skipIf(!hasBrowser)(
  "who shares a quota, what each holds and waits for, limits and the gate: as they are now",
  async () => {
    let answer = async (): Promise<ReturnType<typeof sharedQuota>[]> => [sharedQuota()]
    let asked = 0
    const page = await openPage({
      title: "a run",
      shared: () => {
        asked++
        return answer()
      },
    })
    onTestFinished(() => page.close())
    const { page: tab, wrong } = await openTab(await startBrowser(), page.url)
    await soon(() => tab.getByRole("link", { name: "Shared" }).count()).toBe(1)
    // Nobody looks at it yet.
    expect(asked).toBe(0)
    await tab.getByRole("link", { name: "Shared" }).click()
    const quota = tab.getByRole("region", { name: "openai/gpt-5-mini" })
    await soon(() => quota.locator("p").first().textContent()).toBe(
      "The gate is open. 1,234 calls started, 3 refused in 1 burst.",
    )
    const rows = (within: string): Promise<string[]> => quota.locator(within).allTextContents()
    expect(await rows(".members tbody tr")).toEqual([
      "first learns the limits10230tokens per minute120 ms",
      "second704a place900 ms",
    ])
    expect(await rows(".reasons li")).toEqual(["tokens per minute30", "a place4"])
    expect(await rows(".limits tbody tr")).toEqual([
      "calls at once19 of 20 taken",
      "requests per minute125 of 500, as told",
      "tokens per minute0 of 80k, set by hand",
    ])

    answer = async () => [sharedQuota({ gateMs: 4_000, members: [], waiting: [], lost: 1, differs: "tokensPerMinute" })]
    await soon(() => quota.textContent()).toContain("The gate is closed for 4.0 s: all wait.")
    expect(await quota.locator(".notice").allTextContents()).toEqual([
      "Processes tell different numbers for tokens per minute: the lowest counts.",
      "1 process was lost; that share is left alone for a while.",
    ])
    expect(await quota.textContent()).toContain("Nobody uses it now.")

    answer = () => Promise.reject(new Error("Connection is closed."))
    await soon(() => tab.getByRole("alert").textContent()).toMatch(
      /^Nothing has been heard of what is shared since \d\d:\d\d:\d\d UTC: Connection is closed\.$/,
    )
    // What was known last stays, and goes on by itself.
    expect(await quota.count()).toBe(1)
    answer = async () => []
    await soon(() => tab.getByText("No call was made yet that shares a limit.").count()).toBe(1)
    expect(await tab.getByRole("alert").count()).toBe(0)
    expect(wrong).toEqual([])
  },
)

test.skipIf(!hasBrowser)("a page of a run that shares nothing has no such view", async () => {
  const page = await openPage({ title: "alone" })
  onTestFinished(() => page.close())
  const { page: tab } = await openTab(await startBrowser(), page.url)
  await soon(() => tab.getByRole("link", { name: "Items" }).count()).toBe(1)
  expect(await tab.getByRole("link", { name: "Shared" }).count()).toBe(0)
  const { origin, searchParams } = new URL(page.url)
  const headers = { authorization: `Bearer ${searchParams.get("token")}` }
  expect((await fetch(`${origin}/api/shared`, { headers })).status).toBe(404)
  expect((await fetch(`${origin}/api/shared`)).status).toBe(401)
})

test.skipIf(!hasBrowser || program === undefined)("sluice run --ui --redis shows what it shares", async () => {
  const server = await startServer(program!)
  onTestFinished(() => server.stop())
  const vendor = await scriptedVendor()
  vendor.isHolding = true
  const texts = Array.from({ length: 12 }, (_, n) => `text ${n}`)
  const run = await startRun(vendor, texts, ["--redis", server.url, "--rpm", "600", "--concurrency", "2"])
  await until(() => vendor.held.length === 1)
  const { page: tab, wrong } = await openTab(await startBrowser(), run.url)
  await tab.getByRole("link", { name: "Shared" }).click()
  await soon(() => tab.locator(".members tbody tr").count()).toBe(1)
  await soon(() => tab.locator(".limits tbody tr").last().textContent()).toMatch(
    /^requests per minute\d+ of 600, as told$/,
  )
  vendor.release()
  expect(wrong).toEqual([])
})
