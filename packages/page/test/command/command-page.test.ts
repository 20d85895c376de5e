import { readFileSync } from "node:fs"
import path from "node:path"
import { expect, test, vi } from "vitest"
import { hasBrowser, openTab, startBrowser } from "../chromium.ts"
import { handsOn, key, soon, startCommand, startRun, until } from "../command.ts"
import { scriptedVendor } from "../scripted-vendor.ts"

vi.setConfig({ testTimeout: 120_000 })

const hostile = "**bold** [x](javascript:alert(3)) <script>alert(1)</script><img src=x onerror=alert(2)>"

test.skipIf(!hasBrowser)(
  "a run is followed from start to end, paused, resumed, its limits changed, an item opened, failed ones asked again",
  async () => {
    const vendor = await scriptedVendor()
    vendor.isHolding = true
    const texts = Array.from({ length: 30 }, (_, n) =>
      n === 3 ? hostile : n % 10 === 7 ? `bad ${n} ${key}` : `text ${n}`,
    )
    const run = await startRun(vendor, texts, ["--concurrency", "4"])
    // The first call goes alone; one answer, and the others follow.
    await until(() => vendor.held.length >= 1)
    vendor.held.shift()?.()
    await until(() => vendor.held.length === 4)
    const browser = await startBrowser()
    const { page, wrong } = await openTab(browser, run.url)
    const second = await openTab(browser, run.url)
    const status = page.getByRole("status").first()

    await soon(() => status.textContent()).toContain("running")
    // The token is no longer in the address; a reload needs only the cookie.
    expect(new URL(page.url()).search).toBe("")
    await page.getByRole("button", { name: "Pause" }).click()
    await soon(() => status.textContent()).toContain("paused")
    await soon(() => second.page.getByRole("status").first().textContent()).toContain("paused")
    for (const go of vendor.held.splice(0)) go()
    await soon(() => page.getByText("What happened").locator("..").textContent()).toContain("Paused (")
    await page.waitForTimeout(300)
    expect(vendor.held).toHaveLength(0)
    await page.reload()
    await soon(() => status.textContent()).toContain("paused")
    await page.getByRole("button", { name: "Resume" }).click()
    await until(() => vendor.held.length === 4)

    await page.getByRole("button", { name: "Limits…" }).click()
    await page.getByLabel("concurrency").fill("9")
    await page.getByRole("button", { name: "Change" }).click()
    await until(() => vendor.held.length === 9)
    await soon(() => page.getByText("Changed: concurrency 9").count()).toBe(1)

    vendor.release()
    await soon(() => status.textContent()).toContain("ended with failures")
    await page.getByRole("link", { name: "Items" }).click()
    const grid = page.getByRole("grid")
    await soon(() => grid.getAttribute("aria-rowcount")).toBe("31")
    await page.getByRole("link", { name: "Failed 3" }).click()
    await soon(() => grid.getByRole("row").count()).toBe(4)
    await page.getByRole("link", { name: "All" }).click()
    await page.getByRole("searchbox").fill("TEXT 12")
    await soon(() => grid.getAttribute("aria-rowcount")).toBe("2")
    await page.getByRole("searchbox").fill("")
    await soon(() => grid.getAttribute("aria-rowcount")).toBe("31")

    // By the keyboard: the fourth row.
    await grid.focus()
    for (const press of ["ArrowDown", "ArrowDown", "ArrowDown", "Enter"]) await page.keyboard.press(press)
    await soon(() => page.getByRole("heading", { level: 2 }).textContent()).toContain("Item 3")
    const answered = page.getByRole("region", { name: "Answered" })
    await soon(() => answered.getByRole("strong").textContent()).toBe("bold")
    expect(await answered.textContent()).toContain("<script>alert(1)</script><img src=x onerror=alert(2)>")
    expect(await answered.locator("script, img, a").count()).toBe(0)
    await answered.getByRole("button", { name: "Text" }).click()
    await soon(() => answered.textContent()).toContain(hostile)
    expect(await page.getByRole("region", { name: "Attempts" }).textContent()).toMatch(/call 1: 200 \(req_\d+\)/)
    await page.keyboard.press("Escape")
    await soon(() => grid.count()).toBe(1)

    // What failed has its answer, its error and its attempts; no key is anywhere.
    vendor.isBad = false
    await page.getByRole("link", { name: "Failed 3" }).click()
    await grid.getByRole("row").nth(1).click()
    await soon(() => page.locator("pre.error").textContent()).toContain("no such thing")
    expect(await page.content()).not.toContain(key)

    await page.getByRole("button", { name: "Retry 3 failed" }).click()
    await soon(() => status.textContent()).toContain("done")
    await page.getByRole("link", { name: "Overview" }).click()
    await soon(() => page.getByRole("progressbar").getAttribute("aria-valuetext")).toBe("30 of 30")
    expect(wrong).toEqual([])
    expect(second.wrong).toEqual([])

    // The process stays while somebody looks, and no longer.
    expect(run.child.exitCode).toBeNull()
    await browser.close()
    expect(await run.code).toBe(0)
    expect(readFileSync(path.join(run.folder, "out.jsonl"), "utf8").trim().split("\n")).toHaveLength(30)
    const notes = await handsOn(run.folder)
    expect(notes.map(({ action }) => action)).toEqual(["pause", "resume", "update", "retry-failed"])
    expect(notes[0]).toMatchObject({ by: expect.stringMatching(/, page$/), at: expect.stringMatching(/^\d{4}-/) })
    expect(notes[2]).toMatchObject({ changes: { concurrency: 9 } })
  },
)

test("without anybody who looks the command ends by itself; a port that is taken is said", async () => {
  const vendor = await scriptedVendor()
  const run = await startRun(vendor, ["one", "two"])
  expect(await run.code).toBe(0)
  const holding = await scriptedVendor()
  const { port } = new URL(holding.url)
  const other = startCommand(run.folder, [
    "run",
    "in.jsonl",
    "-p",
    "x",
    "-m",
    "noop:",
    "-o",
    "other.jsonl",
    "--ui",
    port,
  ])
  expect(await other.code).toBe(2)
  expect(other.said()).toContain(`Port ${port} is taken`)
})
