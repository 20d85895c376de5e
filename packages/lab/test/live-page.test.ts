import type { ServerResponse } from "node:http"
import { expect, test, vi } from "vitest"
import { hasBrowser, openTab, startBrowser } from "../../page/test/chromium.ts"
import { faultsOf } from "../../page/test/faults-of.ts"
import { VirtualClock } from "../src/index.ts"
import { LabStream, type ToldTab } from "../src/page/lab-stream.ts"
import type { LabNews } from "../src/page/wire.ts"
import { post, vendorFor } from "./server/started-vendor.ts"

vi.setConfig({ testTimeout: 120_000 })

const soon = <T>(what: () => T) => expect.poll(what, { timeout: 60_000 })
const bodyOf = (text: string, model = "m") => ({ model, messages: [{ role: "user", content: text }] })

test.skipIf(!hasBrowser)(
  "a vendor with traffic is followed: figures, charts, reasons, calls; it starts afresh by the keyboard, and goes away",
  async () => {
    const clock = new VirtualClock()
    const vendor = await vendorFor({
      clock,
      limits: { requests: { limit: 60, burst: 2 } },
      latency: { baseMs: 900, perOutputTokenMs: 0 },
    })
    const { page, wrong } = await openTab(await startBrowser(), `${vendor.url}/lab`)
    const figure = (name: string) => page.locator(".figures > div", { hasText: name }).locator("dd")
    const chart = (name: string) => page.getByRole("img", { name })
    const calls = page.getByRole("region", { name: "Last calls" })
    await soon(() => figure("Arrived").textContent()).toMatch(/^0/)
    await soon(() => calls.textContent()).toContain("No call has come yet.")

    const url = `${vendor.url}/v1/chat/completions`
    const answers = Array.from({ length: 3 }, (_, n) => post(url, bodyOf(`text ${n}`)))
    await soon(() => figure("Arrived").textContent()).toMatch(/^3/)
    await soon(() => figure("In flight").textContent()).toMatch(/^22 at most/)
    await soon(() => calls.getByRole("row").allTextContents()).toEqual([
      expect.stringContaining("Model"),
      expect.stringMatching(/^0:00OpenAIm\d+429: rate, requests/),
      expect.stringMatching(/^0:00OpenAIm\d+in flight$/),
      expect.stringMatching(/^0:00OpenAIm\d+in flight$/),
    ])
    await clock.advance(900)
    expect((await Promise.all(answers)).map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 200, 429])
    await soon(() => calls.getByText("in flight").count()).toBe(0)
    await clock.advance(1_600)
    await soon(() => figure("Answered").textContent()).toMatch(/^2/)
    await soon(() => calls.getByRole("row").nth(3).textContent()).toMatch(/200900 ms$/)
    expect(await page.getByRole("region", { name: "Refused and failed" }).textContent()).toContain("rate, requests1")
    await soon(() => page.getByRole("region", { name: "Limits" }).textContent()).toContain("requests2 of 60")
    // The last whole second is the second one, in which nothing came.
    await soon(() => chart("Calls a second").getAttribute("aria-label")).toBe("Calls a second: 0 started, 0 refused")
    await soon(() => page.locator(".plot canvas").count()).toBe(3)

    // By the keyboard: nothing is forgotten before somebody has said so twice.
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    const dialog = page.getByRole("dialog", { name: "Start afresh" })
    await soon(() => dialog.isVisible()).toBe(true)
    await page.keyboard.press("Escape")
    await soon(() => dialog.isVisible()).toBe(false)
    expect(vendor.stats().arrived).toBe(3)
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await soon(() => figure("Arrived").textContent()).toMatch(/^0/)
    await soon(() => calls.textContent()).toContain("No call has come yet.")
    await soon(() => page.locator(".plot canvas").count()).toBe(0)
    expect(vendor.stats().arrived).toBe(0)

    await vendor.stop()
    await soon(() => page.getByRole("alert").textContent()).toContain("The vendor does not answer.")
    await soon(() => page.getByRole("button", { name: "Start afresh…" }).isDisabled()).toBe(true)
    expect(wrong).toEqual([])
  },
)

test.skipIf(!hasBrowser).for([
  [1280, "light"],
  [1280, "dark"],
  [420, "light"],
  [420, "dark"],
] as const)(
  "names for a screen reader, contrast, nothing wider than the window, and a model's name with markup is text: %i, %s",
  async ([width, colorScheme]) => {
    const hostile = '<img src=x onerror=alert(1)><script>alert(2)</script>"&amp;'
    const clock = new VirtualClock()
    const vendor = await vendorFor({ clock, limits: { requests: 60, tokens: 100_000 }, models: [hostile] })
    for (const n of [1, 2]) await post(`${vendor.url}/v1/chat/completions`, bodyOf(`${n}`, hostile))
    await clock.advance(5_500)
    const browser = await startBrowser()
    const viewport = { width, height: 860 }
    const { page, wrong } = await openTab(browser, `${vendor.url}/lab`, { colorScheme, viewport })
    await soon(() => page.locator(".calls .model").allTextContents()).toEqual([hostile, hostile])
    await soon(() => page.locator(".plot canvas").count()).toBe(3)
    expect(await page.locator("main img:not([role]), main script").count()).toBe(0)
    expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width)
    expect(await faultsOf(page)).toEqual([])
    expect(wrong).toEqual([])
  },
)

/** What a tab is told first. */
async function firstNews(url: string): Promise<string> {
  const controller = new AbortController()
  const { body } = await fetch(`${url}/lab/live`, { signal: controller.signal })
  let text = ""
  for await (const piece of body!.pipeThrough(new TextDecoderStream())) if ((text += piece).endsWith("\n\n")) break
  controller.abort()
  return text
}

test("the page has no token: it tells neither prompts nor answers nor keys", async () => {
  const vendor = await vendorFor({ answer: { text: "the secret answer" } })
  await post(`${vendor.url}/v1/chat/completions`, bodyOf("the secret prompt"), { authorization: "Bearer sk-secret" })
  const told = await firstNews(vendor.url)
  expect(told).toContain('"model":"m"')
  expect(told).not.toContain("secret")
})

test("no other page reads it, frames it or has it load anything", async () => {
  const vendor = await vendorFor()
  for (const path of ["/lab", "/lab/live", "/lab/stats"])
    expect((await fetch(vendor.url + path, { headers: { origin: "https://evil.example" } })).status).toBe(403)
  const { headers } = await fetch(`${vendor.url}/lab`)
  expect(headers.get("content-security-policy")).toMatch(/default-src 'none'.*frame-ancestors 'none'/)
  expect((await fetch(`${vendor.url}/lab/assets/..%2Findex.html`)).status).toBe(404)
})

test("a tab is told the seconds it does not know, also one that slept meanwhile", () => {
  const asked: ToldTab[] = []
  let atMs = 1_500
  const stream = new LabStream((told) => {
    asked.push(told)
    return { state: { life: 1, atMs }, seconds: [] } as unknown as LabNews
  })
  const tab = Object.assign(new EventTarget(), { writableLength: 0, write: vi.fn<() => void>() })
  const listeners: Record<string, () => void> = {}
  stream.add(
    Object.assign(tab, { on: (name: string, fn: () => void) => (listeners[name] = fn) }) as unknown as ServerResponse,
  )
  tab.writableLength = 2 ** 21
  atMs = 2_500
  stream.tell()
  expect(tab.write).toHaveBeenCalledTimes(1)
  tab.writableLength = 0
  atMs = 3_500
  stream.tell()
  stream.tell()
  expect(asked.map(({ second }) => second)).toEqual([-1, 1, 3])
  listeners["close"]?.()
  stream.tell()
  expect(tab.write).toHaveBeenCalledTimes(3)
})
