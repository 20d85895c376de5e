import { expect, onTestFinished, test, vi } from "vitest"
import { openPage, type Page } from "../../src/index.ts"
import { hasBrowser, openTab, startBrowser, watchTab } from "../chromium.ts"
import { soon } from "../command.ts"

vi.setConfig({ testTimeout: 120_000 })
const token = "a-token-that-stays-the-same"

async function opened(title: string, port?: number, secret = token): Promise<Page> {
  const page = await openPage({
    title,
    token: secret,
    ...(port !== undefined && { port }),
    controls: { pause() {}, stop() {}, update() {}, retryFailed() {} },
  })
  onTestFinished(() => page.close())
  return page
}

test.skipIf(!hasBrowser)(
  "the server goes away: the page says so, offers nothing that needs it, and goes on when it is back; two tabs, a reload",
  async () => {
    const first = await opened("before")
    const port = Number(new URL(first.url).port)
    const browser = await startBrowser()
    const { page, wrong } = await openTab(browser, first.url)
    const second = await page.context().newPage()
    await second.goto(new URL("#/items", first.url).href)
    await soon(() => first.viewers).toBe(2)
    const pause = page.getByRole("button", { name: "Pause" })
    await soon(() => pause.isEnabled()).toBe(true)
    const at = { atMs: 0, runId: "r", spanId: 1, node: "run", index: 0 }
    first.onEvent({ type: "item-start", ...at })
    first.onEvent({ type: "item-end", ...at, status: "failed", attempts: 1, replayed: false, error: new Error("no") })
    await soon(() => page.getByRole("button", { name: "Retry 1 failed" }).count()).toBe(1)
    const limits = page.getByRole("button", { name: "Limits…" })
    await limits.click()

    await first.close()
    for (const tab of [page, second])
      await soon(() => tab.getByRole("alert").textContent()).toContain("does not answer")
    // Of what stands in dialogs too, only what closes them.
    const enabled = page.locator(".controls button:enabled")
    expect(await enabled.allTextContents()).toEqual(["Leave as they are", "Go on"])
    await page.getByRole("button", { name: "Leave as they are" }).click()
    // What was told last stays.
    expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("before")

    const again = await opened("after", port)
    for (const tab of [page, second]) {
      await soon(() => tab.getByRole("alert").count()).toBe(0)
      await soon(() => tab.getByRole("heading", { level: 1 }).textContent()).toBe("after")
    }
    await soon(() => pause.isEnabled()).toBe(true)
    // A view that was open is open after a reload too.
    await second.reload()
    await soon(() => second.getByRole("grid").count()).toBe(1)
    await soon(() => again.viewers).toBe(2)
    await second.close()
    await soon(() => again.viewers).toBe(1)
    await again.close()

    await opened("a stranger", port, "another-token-than-it-was")
    await soon(() => page.getByRole("alert").textContent()).toContain("with a token of its own")
    expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("after")
    expect(wrong.filter((each) => !each.includes("ERR_CONNECTION_REFUSED"))).toEqual([])
  },
)

test.skipIf(!hasBrowser)(
  "the server goes away before the charts' code has come: they are drawn when it is back",
  async () => {
    const served = await opened("charts")
    const browser = await startBrowser()
    const tab = await browser.newPage()
    const wrong = watchTab(tab)
    let asked = 0
    await tab.route(/uPlot[^/]*\.js/, (route) => (asked++ === 0 ? route.abort() : route.continue()))
    await tab.goto(served.url)
    await soon(() => tab.locator(".plot canvas").count()).toBeGreaterThan(0)
    expect(asked).toBeGreaterThan(1)
    expect(wrong).toEqual([])
  },
)
