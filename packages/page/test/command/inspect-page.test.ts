import { openJournal } from "@sluice/journal"
import path from "node:path"
import { expect, onTestFinished, test, vi } from "vitest"
import { openPage } from "../../src/index.ts"
import { hasBrowser, openTab, startBrowser } from "../chromium.ts"
import { folderOf, key, soon, startCommand, until } from "../command.ts"
import { scriptedVendor } from "../scripted-vendor.ts"

vi.setConfig({ testTimeout: 120_000 })

test.skipIf(!hasBrowser)(
  "inspect --ui shows a run that is over: how it ended, its items, what was asked and answered",
  async () => {
    const vendor = await scriptedVendor()
    const { folder, args } = folderOf(vendor, ["one", `bad ${key}`, "three <script>alert(1)</script>"])
    const run = startCommand(folder, args)
    expect(await run.code).toBe(1)
    const inspect = startCommand(folder, ["inspect", "out.jsonl", "--ui", "0"])
    const browser = await startBrowser()
    const { page, wrong } = await openTab(browser, await inspect.url())
    const status = page.getByRole("status").first()
    await soon(() => status.textContent()).toContain("ended with failures")
    await soon(() => page.getByRole("progressbar").getAttribute("aria-valuetext")).toBe("3 of 3")
    // Nothing to press, and nothing said that a journal does not know.
    expect(await page.getByRole("group", { name: "Hands on" }).count()).toBe(0)
    expect(await page.getByText("In flight", { exact: true }).count()).toBe(0)
    expect(await page.getByRole("link", { name: "Timeline" }).count()).toBe(0)
    expect(await page.getByRole("region", { name: "Where this comes from" }).textContent()).toContain("is over")
    await page.getByRole("link", { name: "Items" }).click()
    const grid = page.getByRole("grid")
    await soon(() => grid.getAttribute("aria-rowcount")).toBe("4")
    await grid.getByRole("row").nth(3).click()
    const text = "three <script>alert(1)</script>"
    await soon(() => page.getByRole("region", { name: "Asked" }).textContent()).toContain(text)
    expect(await page.getByRole("region", { name: "Answered" }).textContent()).toContain(text)
    expect(await page.locator("dl.facts").textContent()).toMatch(
      /Statusok.*Waited.*Took.*Tokens5 in, 7 out.*Requestreq_\d/u,
    )
    await page.keyboard.press("Escape")
    await page.getByRole("link", { name: "Failed 1" }).click()
    await soon(() => grid.getByRole("row").count()).toBe(2)
    await grid.getByRole("row").nth(1).click()
    await soon(() => page.locator("pre.error").textContent()).toContain("no such thing")
    expect(await page.content()).not.toContain(key)
    expect(wrong).toEqual([])
    // Who has looked is not waited for any longer.
    await browser.close()
    expect(await inspect.code).toBe(0)
  },
)

test.skipIf(!hasBrowser)(
  "inspect --ui follows a run of another process, to its end and through the next command",
  async () => {
    const vendor = await scriptedVendor()
    vendor.isHolding = true
    const { folder, args } = folderOf(vendor, ["one", "bad two", "three", "bad four", "five"])
    const run = startCommand(folder, [...args, "--concurrency", "2", "--ui", "0"])
    await until(() => vendor.held.length >= 1)
    vendor.held.shift()?.()
    await until(() => vendor.held.length === 2)
    const inspect = startCommand(folder, ["inspect", "out.jsonl", "--ui", "0"])
    const browser = await startBrowser()
    const { page, wrong } = await openTab(browser, await inspect.url())
    const status = page.getByRole("status").first()
    const settled = page.getByRole("progressbar")
    await soon(() => status.textContent()).toContain("running")
    await soon(() => settled.getAttribute("aria-valuetext")).toBe("1 of 5")

    // A hand on the run is told where it is only read.
    const { page: hands } = await openTab(browser, await run.url())
    await hands.getByRole("button", { name: "Pause" }).click()
    await soon(() => page.getByText("What happened").locator("..").textContent()).toMatch(/Paused \(.*, page\)/u)
    await hands.getByRole("button", { name: "Resume" }).click()
    await hands.close()

    vendor.release()
    await soon(() => settled.getAttribute("aria-valuetext")).toBe("5 of 5")
    await soon(() => status.textContent()).toContain("ended with failures")
    expect(await run.code).toBe(1)

    vendor.isBad = false
    vendor.isHolding = true
    await page.getByRole("link", { name: "Items" }).click()
    await page.getByRole("link", { name: "Failed 2" }).click()
    const again = startCommand(folder, [...args, "--retry-failed", "--concurrency", "1"])
    await until(() => vendor.held.length === 1)
    await soon(() => status.textContent()).toContain("running")
    vendor.held.shift()?.()
    // A record that is replaced, not a new one.
    await soon(() => page.getByRole("link", { name: "Failed 1" }).count()).toBe(1)
    await soon(() => page.getByRole("grid").getByRole("row").count()).toBe(2)
    vendor.release()
    expect(await again.code).toBe(0)
    await soon(() => status.textContent()).toContain("done")
    await soon(() => page.getByRole("link", { name: "Failed" }).textContent()).toBe("Failed")
    expect(wrong).toEqual([])
  },
)

test.skipIf(!hasBrowser)("a run whose process was killed is interrupted, and says so", async () => {
  const vendor = await scriptedVendor()
  vendor.isHolding = true
  const { folder, args } = folderOf(vendor, ["one", "two", "three"])
  const run = startCommand(folder, args)
  await until(() => vendor.held.length >= 1)
  vendor.held.shift()?.()
  await until(() => vendor.held.length >= 1)
  const page = await openPage({ journal: path.join(folder, "out.jsonl.journal") })
  onTestFinished(() => page.close())
  const browser = await startBrowser()
  const { page: tab } = await openTab(browser, page.url)
  const status = tab.getByRole("status").first()
  await soon(() => status.textContent()).toContain("running")
  run.child.kill("SIGKILL")
  await soon(() => status.textContent()).toContain("interrupted")
  await expect(tab.getByRole("progressbar").getAttribute("aria-valuetext")).resolves.toBe("1 of as many as come")
})

test("a path of no journal, and a run that is not in it, are said", async () => {
  await expect(openPage({ journal: "/nowhere/x.journal" })).rejects.toThrow("There is no journal at /nowhere/x.journal")
  const { folder } = folderOf(await scriptedVendor(), [])
  const journal = openJournal({ path: path.join(folder, "a.journal") })
  await (await journal.openRun({ runId: "monday", flow: "f" })).end("ok")
  await journal.close()
  await expect(openPage({ journal: journal.path, runId: "tuesday" })).rejects.toThrow(
    /has no run "tuesday".*It has: monday/u,
  )
})
