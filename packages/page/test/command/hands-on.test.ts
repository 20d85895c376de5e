import { readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import { expect, test, vi } from "vitest"
import { hasBrowser, openTab, startBrowser, type Tab } from "../chromium.ts"
import { folderOf, handsOn, type Run, soon, startCommand, startRun, until } from "../command.ts"
import { type ScriptedVendor, scriptedVendor } from "../scripted-vendor.ts"

vi.setConfig({ testTimeout: 120_000 })

/** A run with two calls at the vendor that holds them, and somebody who looks. */
async function looked(): Promise<Tab & { vendor: ScriptedVendor; run: Run; shut: () => Promise<void> }> {
  const vendor = await scriptedVendor()
  vendor.isHolding = true
  const texts = Array.from({ length: 12 }, (_, n) => `text ${n}`)
  const run = await startRun(vendor, texts, ["--concurrency", "2"])
  // The first call goes alone.
  await until(() => vendor.held.length === 1)
  vendor.held.shift()?.()
  await until(() => vendor.held.length === 2)
  const browser = await startBrowser()
  const tab = await openTab(browser, run.url)
  await soon(() => tab.page.getByRole("status").first().textContent()).toContain("running")
  return { ...tab, vendor, run, shut: () => browser.close() }
}

const linesOf = ({ folder }: Run): number =>
  readFileSync(path.join(folder, "out.jsonl"), "utf8").trim().split("\n").length

test.skipIf(!hasBrowser)(
  "drain: what is in flight is finished, nothing more is begun, and the journal has who and when",
  async () => {
    const { page, wrong, vendor, run, shut } = await looked()
    const status = page.getByRole("status").first()
    const sinceMs = Date.now()
    await page.getByRole("button", { name: "Drain" }).click()
    await soon(() => status.textContent()).toContain("finishing what is in flight")
    // Charts are drawn once their code has come, after the page itself.
    await soon(() => page.locator(".plot canvas").count()).toBeGreaterThan(0)
    // It cannot be drained twice, nor paused; it can still be stopped.
    await soon(() => page.getByRole("button", { name: "Drain" }).count()).toBe(0)
    expect(await page.getByRole("button", { name: "Pause" }).count()).toBe(0)
    expect(await page.getByRole("button", { name: "Stop…" }).count()).toBe(1)
    await soon(() => page.getByText("What happened").locator("..").textContent()).toMatch(/\(.*, page\)/u)
    vendor.release()
    await soon(() => status.textContent()).toContain("stopped")
    await soon(() => page.getByRole("progressbar").getAttribute("aria-valuetext")).toBe("3 of 12")
    expect(vendor.prompts).toHaveLength(3)
    expect(wrong).toEqual([])
    await shut()
    expect(await run.code).not.toBe(0)
    expect(linesOf(run)).toBe(3)
    const [note, ...others] = await handsOn(run.folder)
    expect(others).toEqual([])
    expect(note).toMatchObject({ action: "drain", by: expect.stringMatching(/., page$/u) })
    expect(Date.parse(note!.at)).toBeGreaterThanOrEqual(sinceMs - 1)
    expect(Date.parse(note!.at)).toBeLessThanOrEqual(Date.now())
  },
)

test.skipIf(!hasBrowser)(
  "stop asks first; then calls in flight are ended, and the journal has who and when",
  async () => {
    const { page, wrong, vendor, run, shut } = await looked()
    const status = page.getByRole("status").first()
    const asked = page.getByRole("dialog", { name: "Stop the run" })
    await page.getByRole("button", { name: "Stop…" }).click()
    await soon(() => asked.textContent()).toContain("Calls in flight are ended")
    await asked.getByRole("button", { name: "Go on" }).click()
    await soon(() => asked.count()).toBe(0)
    // The earlier of the two, whichever came first: lines are written in the order of the inputs.
    vendor.held.splice(vendor.prompts.indexOf("text 1") - 1, 1)[0]?.()
    // It goes on: another call takes the place.
    await until(() => vendor.prompts.length === 4)
    expect(await status.textContent()).toContain("running")
    await page.getByRole("button", { name: "Stop…" }).click()
    await asked.getByRole("button", { name: "Stop now" }).click()
    await soon(() => status.textContent()).toContain("stopped")
    await soon(() => page.getByRole("progressbar").getAttribute("aria-valuetext")).toBe("2 of 12")
    expect(vendor.prompts).toHaveLength(4)
    expect(wrong).toEqual([])
    await shut()
    expect(await run.code).not.toBe(0)
    expect(linesOf(run)).toBe(2)
    expect(await handsOn(run.folder)).toMatchObject([{ action: "stop", by: expect.stringMatching(/., page$/u) }])
  },
)

test.skipIf(!hasBrowser)(
  "an answer that had to fit a schema says whether it does, and what the schema says",
  async () => {
    const vendor = await scriptedVendor()
    // Else the run is over before anybody looks.
    vendor.isHolding = true
    const schema = JSON.stringify({ type: "object", properties: { n: { type: "number" } }, required: ["n"] })
    const { folder, args } = folderOf(vendor, ['{"n":1}', '{"n":"one"}'])
    writeFileSync(path.join(folder, "schema.json"), schema)
    const run = startCommand(folder, [...args, "--ui", "0", "--schema", "schema.json", "--attempts", "1"])
    const browser = await startBrowser()
    const { page, wrong } = await openTab(browser, await run.url())
    vendor.release()
    await soon(() => page.getByRole("status").first().textContent()).toContain("ended with failures")
    await page.getByRole("link", { name: "Items" }).click()
    const grid = page.getByRole("grid")
    await soon(() => grid.getAttribute("aria-rowcount")).toBe("3")
    const facts = page.locator("dl.facts")
    await grid.getByRole("row").nth(1).click()
    await soon(() => facts.textContent()).toMatch(/Schemafits$/u)
    await page.keyboard.press("Escape")
    await grid.getByRole("row").nth(2).click()
    await soon(() => facts.textContent()).toMatch(/Schemadoes not fit$/u)
    await soon(() => page.getByText("The schema says:").textContent()).toMatch(/n.*number/u)
    expect(wrong).toEqual([])
  },
)
