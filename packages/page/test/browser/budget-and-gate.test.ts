import { startVendor, VirtualClock } from "@sluice/lab"
import { limitedFetch } from "@sluice/providers"
import type { Page as Tab } from "playwright-core"
import { expect, onTestFinished, test, vi } from "vitest"
import { openPage } from "../../src/index.ts"
import { hasBrowser, openTab, startBrowser } from "../chromium.ts"
import { soon } from "../command.ts"

vi.setConfig({ testTimeout: 120_000 })

/** How much of a chart is painted between two moments, in percent of full colour, away from lines at its bottom. */
function paint(tab: Tab, title: string, fromS: number, toS: number, endS: number): Promise<number> {
  return tab.evaluate<number>(`(() => {
    const chart = [...document.querySelectorAll(".chart")].find((each) => each.querySelector("h2").textContent === ${JSON.stringify(title)})
    const [canvas, over] = [chart.querySelector("canvas"), chart.querySelector(".u-over")]
    const [whole, plot] = [canvas.getBoundingClientRect(), over.getBoundingClientRect()]
    const scale = canvas.width / whole.width
    // The axis goes from the first second to the last.
    const x = (second) => (plot.left - whole.left + (plot.width * (second - 1)) / (${endS} - 1)) * scale
    const top = (plot.top - whole.top + plot.height * 0.25) * scale
    const [left, right, height] = [Math.round(x(${fromS})), Math.round(x(${toS})), Math.round(plot.height * 0.4 * scale)]
    const { data } = canvas.getContext("2d").getImageData(left, Math.round(top), right - left, height)
    let sum = 0
    for (let at = 3; at < data.length; at += 4) sum += data[at]
    return (sum / (data.length / 4) / 255) * 100
  })()`)
}

test.skipIf(!hasBrowser)(
  "what is left of the budget follows what calls cost, and a gate that closes is a band for as long as it is closed",
  async () => {
    const clock = new VirtualClock()
    // The second call of a moment is refused, for 20 seconds.
    const vendor = await startVendor({
      clock,
      headers: "none",
      latency: { baseMs: 0, perOutputTokenMs: 0 },
      limits: { requests: { limit: 3, burst: 1 } },
    })
    onTestFinished(() => vendor.stop())
    const heard = new Set<string>()
    const page = await openPage({ title: "told", clock, onEvent: ({ type }) => void heard.add(type) })
    onTestFinished(() => page.close())
    const prices = { "*": { input: 1_000, output: 1_000 } }
    const fetch = limitedFetch({ clock, budgetUsd: 2, prices, onEvent: page.onEvent })
    const call = async (): Promise<number> => {
      const body = JSON.stringify({ model: "m", max_tokens: 20, messages: [{ role: "user", content: "Why?" }] })
      const response = await fetch(`${vendor.url}/v1/chat/completions`, { method: "POST", body })
      const { usage } = (await response.json()) as { usage: { total_tokens: number } }
      return usage.total_tokens / 1_000
    }
    const { page: tab, wrong } = await openTab(await startBrowser(), page.url)
    const budget = tab.locator(".figures > div", { hasText: "Budget left" })
    expect(await budget.count()).toBe(0)

    await clock.advance(5_000)
    const first = await call()
    await clock.advance(1_000)
    const left = (usd: number): string => `Budget left$${usd.toFixed(2)}of $2.00`
    await soon(() => budget.textContent()).toBe(left(2 - first))

    const second = call()
    await vi.waitUntil(() => vendor.stats().refused === 1, { timeout: 60_000 })
    await vi.waitUntil(() => heard.has("gate-close"), { timeout: 60_000 })
    for (let s = 0; s < 34; s++) await clock.advance(1_000)
    const spent = first + (await second)
    await clock.advance(1_000)
    await soon(() => budget.textContent()).toBe(left(2 - spent))
    await soon(() => tab.getByText(/^The vendor refused/).count()).toBe(1)
    const endS = 41
    await soon(() => paint(tab, "Tokens a minute", 10, 20, endS)).toBeGreaterThan(25)
    for (const title of ["Requests a minute", "Tokens a minute", "Calls in flight"]) {
      expect(await paint(tab, title, 10, 20, endS)).toBeGreaterThan(25)
      expect(await paint(tab, title, 1.5, 4, endS)).toBeLessThan(12)
      // What the last minute had is filled below its line.
      expect(await paint(tab, title, 28, 38, endS)).toBeLessThan(title === "Calls in flight" ? 12 : 20)
    }
    expect(wrong).toEqual([])
  },
)
