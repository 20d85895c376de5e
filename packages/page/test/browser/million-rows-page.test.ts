import type { SluiceEvent } from "@sluice/core"
import { VirtualClock } from "@sluice/lab"
import { expect, onTestFinished, test, vi } from "vitest"
import { openPage } from "../../src/index.ts"
import { hasBrowser, openTab, startBrowser } from "../chromium.ts"
import { soon } from "../command.ts"

vi.setConfig({ testTimeout: 180_000 })

const count = 1_000_000

test.skipIf(!hasBrowser)(
  "a table of a million rows scrolls to its end and back, with few rows in the document",
  async () => {
    const clock = new VirtualClock()
    const page = await openPage({ title: "told", clock })
    onTestFinished(() => page.close())
    const say = (event: object): void => page.onEvent({ atMs: clock.now(), runId: "r", ...event } as SluiceEvent)
    for (let index = 0; index < count; index++) {
      say({ type: "item-start", node: "n", index, spanId: index })
      say({ type: "item-end", node: "n", index, spanId: index, status: "ok", attempts: 1 })
    }
    const { page: tab, wrong } = await openTab(await startBrowser(), new URL("#/items/all", page.url).href)
    const grid = tab.getByRole("grid")
    await soon(() => grid.getAttribute("aria-rowcount")).toBe(String(count + 1))
    await grid.focus()
    await tab.keyboard.press("End")
    const last = grid.getByRole("row").filter({ hasText: String(count - 1) })
    await soon(() => last.count()).toBe(1)
    // It is seen whole: a table that is higher than a browser can scroll would end before it.
    const [row, frame] = [await last.boundingBox(), await grid.boundingBox()]
    expect(row!.height).toBe(30)
    expect(row!.y).toBeGreaterThan(frame!.y)
    expect(row!.y + row!.height).toBeLessThanOrEqual(frame!.y + frame!.height + 1)
    expect(await grid.getByRole("row").count()).toBeLessThan(60)
    // By the wheel's way too: somewhere in the middle is what is there.
    await grid.evaluate((element) => void (element.scrollTop = 15_000_000))
    await soon(() => grid.getByRole("row").filter({ hasText: "500000" }).count()).toBe(1)
    await tab.keyboard.press("Home")
    await soon(() => grid.getByRole("row").nth(1).textContent()).toMatch(/^ok0/)
    expect(wrong).toEqual([])
  },
)
