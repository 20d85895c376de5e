import type { SluiceEvent } from "@sluice/core"
import { VirtualClock } from "@sluice/lab"
import { expect, test, vi } from "vitest"
import { openPage } from "../../src/index.ts"
import { hasBrowser, openTab, startBrowser } from "../chromium.ts"
import { soon } from "../command.ts"

vi.setConfig({ testTimeout: 120_000 })

/** Milliseconds of the run. */
interface Told {
  readonly fromMs: number
  readonly toMs: number
  /** Of the call, which lasts as long as the item. */
  readonly firstChunkMs?: number
}

/** A run of two minutes that is over, told in a moment. */
async function tellOver(
  clock: VirtualClock,
  tell: (event: SluiceEvent) => void,
  items: readonly Told[],
): Promise<void> {
  const runId = "told"
  const node = "digest"
  const startMs = clock.now()
  const say = (atMs: number, event: object): void =>
    tell({ runId, node, ...event, atMs: startMs + atMs } as unknown as SluiceEvent)
  say(0, { type: "run-start", flow: node })
  for (const [index, { fromMs, toMs, firstChunkMs }] of items.entries()) {
    const span = { spanId: index + 1, index }
    const times = { startMs: startMs + fromMs, durationMs: firstChunkMs ?? toMs - fromMs }
    say(fromMs, { type: "item-start", ...span })
    say(toMs, { type: "http-attempt", attempt: 1, decision: "ok", status: 200, model: "m", ...times, ...span })
    const first = firstChunkMs === undefined ? {} : { firstChunkMs }
    say(toMs, { type: "call-end", status: "ok", startMs: startMs + fromMs, attempts: 1, ...first, ...span })
    say(toMs, { type: "item-end", status: "ok", attempts: 1, ...span })
  }
  await clock.advance(120_000)
  say(120_000, { type: "run-end", status: "ok", spanId: 0 })
}

test.skipIf(!hasBrowser)(
  "zoom changes the span of time, and the items shown follow; the first token has its mark",
  async () => {
    const clock = new VirtualClock()
    const page = await openPage({ title: "told", clock })
    try {
      await tellOver(clock, page.onEvent, [
        { fromMs: 10_000, toMs: 20_000 },
        { fromMs: 70_000, toMs: 80_000 },
        { fromMs: 100_000, toMs: 110_000, firstChunkMs: 2_500 },
      ])
      const browser = await startBrowser()
      const { page: tab, wrong } = await openTab(browser, page.url)
      await tab.getByRole("link", { name: "Timeline" }).click()
      const toolbar = tab.getByRole("group", { name: "Span of time" })
      const items = tab.getByRole("region", { name: "Items over time" })
      const shown = async (span: string, indexes: readonly string[]): Promise<void> => {
        await soon(() => toolbar.textContent()).toContain(`${span}, ${indexes.length} of ${indexes.length} items`)
        expect(await items.getByRole("link").allTextContents()).toEqual(indexes)
      }
      const zoom = (way: "in" | "out"): Promise<void> => tab.getByRole("button", { name: `Zoom ${way}` }).click()
      // A minute, to the end of the run.
      await shown("1:00 to 2:00", ["1", "2"])
      await zoom("in")
      await shown("1:30 to 2:00", ["2"])
      await zoom("in")
      await shown("1:45 to 2:00", ["2"])
      // What began before the span is cut there: 105 s to 110 s of 15 s.
      const bar = items.locator(".lane .call")
      expect(await bar.evaluate((element) => [element.style.left, element.style.width.slice(0, 6)])).toEqual([
        "0%",
        "33.333",
      ])
      await zoom("out")
      await zoom("out")
      await zoom("out")
      await shown("0:00 to 2:00", ["0", "1", "2"])
      // At a quarter of the call, which is 10 s of the 120 s that are shown.
      const first = items.locator(".lane .call .first")
      expect(await first.count()).toBe(1)
      expect(await first.evaluate((element) => element.style.left)).toBe("25%")
      const [mark, call] = [await first.boundingBox(), await bar.nth(2).boundingBox()]
      expect(Math.abs(mark!.x - (call!.x + call!.width / 4))).toBeLessThan(2)
      expect(mark!.height).toBeGreaterThan(4)
      // A second is the least: no further.
      for (let times = 0; times < 7; times++) await zoom("in")
      await soon(() => tab.getByRole("button", { name: "Zoom in" }).isDisabled()).toBe(true)
      await shown("1:59.0 to 2:00.0", [])
      expect(await items.textContent()).toContain("No item was at work then.")
      expect(wrong).toEqual([])
    } finally {
      await page.close()
    }
  },
)
