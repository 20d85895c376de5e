import type { Page } from "playwright-core"
import { expect, test, vi } from "vitest"
import { hasBrowser, openTab, startBrowser } from "./chromium.ts"
import { type Run, soon, startRun, until } from "./command.ts"
import { type ScriptedVendor, scriptedVendor } from "./scripted-vendor.ts"

vi.setConfig({ testTimeout: 120_000 })

interface Middle {
  readonly vendor: ScriptedVendor
  readonly run: Run
  readonly page: Page
  readonly close: () => Promise<void>
}

/** A run of 20 whose first is answered and whose second has failed, with two calls that are held. */
async function inTheMiddle(): Promise<Middle> {
  const vendor = await scriptedVendor()
  vendor.isHolding = true
  const texts = Array.from({ length: 20 }, (_, n) => (n === 1 ? `bad ${n}` : `text ${n}`))
  const run = await startRun(vendor, texts, ["--concurrency", "2"])
  for (const sent of [1, 2]) {
    await until(() => vendor.prompts.length >= sent && vendor.held.length > 0)
    vendor.held.shift()?.()
  }
  await until(() => vendor.prompts.length === 4)
  const browser = await startBrowser()
  const { page } = await openTab(browser, run.url)
  return { vendor, run, page, close: () => browser.close() }
}

const press = (page: Page, name: string): Promise<void> => page.getByRole("button", { name }).click()
const status = (page: Page) => page.getByRole("status").first().textContent()

test.skipIf(!hasBrowser).each(["Drain", "Stop…"])(
  "%s after “Retry failed” ends the run: the retry is forgotten, and that is said",
  async (how) => {
    const { vendor, run, page, close } = await inTheMiddle()
    await press(page, "Retry 1 failed")
    await soon(() => page.getByText("What happened").locator("..").textContent()).toContain("Failed items")
    await press(page, how)
    if (how === "Stop…") await press(page, "Stop now")
    await soon(() => status(page)).toMatch(/finishing|stopped/)
    vendor.release()
    await soon(() => status(page)).toContain("stopped")
    await close()
    expect(await run.code).toBe(130)
    expect(run.said()).toContain("Failed items are not asked again")
    expect(vendor.prompts).toHaveLength(4)
  },
)
