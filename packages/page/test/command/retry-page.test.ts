import { readFileSync } from "node:fs"
import path from "node:path"
import type { Page } from "playwright-core"
import { expect, test, vi } from "vitest"
import { hasBrowser, openTab, startBrowser } from "../chromium.ts"
import { handsOn, type Run, soon, startRun, until } from "../command.ts"
import { type ScriptedVendor, scriptedVendor } from "../scripted-vendor.ts"

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

test.skipIf(!hasBrowser)(
  "“Retry 1 failed” on a run that was drained asks that one, and leaves what is open to the same command",
  async () => {
    const { vendor, run, page, close } = await inTheMiddle()
    await press(page, "Drain")
    await soon(() => status(page)).toContain("finishing")
    vendor.release()
    await soon(() => status(page)).toContain("stopped")
    vendor.isBad = false
    await press(page, "Retry 1 failed")
    await soon(() => page.getByRole("button", { name: "Retry" }).count()).toBe(0)
    await soon(() => status(page)).toContain("stopped")
    await close()
    expect(await run.code).toBe(130)
    expect(vendor.prompts.slice(4)).toEqual(["bad 1"])
    expect(run.said()).toContain("Asked failed items again. 4 ok, 0 failed, of these 3 from before. 16 items are open.")
    const lines = readFileSync(path.join(run.folder, "out.jsonl"), "utf8").trim().split("\n")
    expect(lines.map((line) => (JSON.parse(line) as { output: string }).output)).toEqual([
      "text 0",
      "bad 1",
      "text 2",
      "text 3",
    ])
  },
)

test.skipIf(!hasBrowser)("limits that were changed on the page hold for the retry too", async () => {
  const vendor = await scriptedVendor()
  vendor.isHolding = true
  const texts = Array.from({ length: 9 }, (_, n) => `${n === 0 ? "text" : "bad"} ${n}`)
  // Refusals for one reason would end the run before its end.
  const run = await startRun(vendor, texts, ["--concurrency", "1", "--keep-going"])
  await until(() => vendor.held.length === 1)
  const browser = await startBrowser()
  const { page } = await openTab(browser, run.url)
  await press(page, "Limits…")
  await page.getByLabel("concurrency").fill("3")
  await press(page, "Change")
  await soon(() => page.getByText("Changed: concurrency 3").count()).toBe(1)
  vendor.release()
  await soon(() => status(page)).toContain("ended with failures")
  vendor.isHolding = true
  vendor.isBad = false
  await press(page, "Retry 8 failed")
  await until(() => vendor.held.length === 3)
  vendor.release()
  await soon(() => status(page)).toContain("done")
  await browser.close()
  expect(await run.code).toBe(0)
})

test.skipIf(!hasBrowser)("“Retry failed” in the middle of a run is acknowledged, and wanted once", async () => {
  const { vendor, run, page, close } = await inTheMiddle()
  await press(page, "Retry 1 failed")
  await soon(() => page.getByRole("button", { name: "Retry follows" }).isDisabled()).toBe(true)
  const again = await page.evaluate(async () => {
    const headers = { "content-type": "application/json" }
    const response = await fetch("api/control", { method: "POST", headers, body: '{"action":"retry-failed"}' })
    return [response.status, await response.text()]
  })
  expect(again).toEqual([400, "That is wanted already."])
  vendor.release()
  // The next one, of what fails again, can be wanted.
  await soon(() => vendor.prompts.length).toBe(21)
  await soon(() => page.getByRole("button", { name: "Retry 1 failed" }).isEnabled()).toBe(true)
  await close()
  expect(await run.code).toBe(1)
  expect((await handsOn(run.folder)).map(({ action }) => action)).toEqual(["retry-failed"])
  const [first = "", second = ""] = run.said().split("Done. ").slice(1)
  expect(first).toContain("Failed items are asked again now.")
  expect(first).not.toContain("--retry-failed")
  expect(second).toContain("--retry-failed tries the failed ones again.")
})
