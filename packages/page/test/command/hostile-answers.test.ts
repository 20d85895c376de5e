import { expect, test, vi } from "vitest"
import { hasBrowser, openTab, startBrowser } from "../chromium.ts"
import { folderOf, soon, startCommand } from "../command.ts"
import { scriptedVendor } from "../scripted-vendor.ts"

vi.setConfig({ testTimeout: 120_000 })

const script = "<script>alert(1)</script><svg onload=alert(2)>"
const megabytes = 5

test.skipIf(!hasBrowser)(
  "an answer of 5 MB full of markup is text, its beginning at once and the whole of it where it is asked for",
  async () => {
    const vendor = await scriptedVendor()
    vendor.longAnswer = script.repeat(Math.ceil((megabytes * 2 ** 20) / script.length)).slice(0, megabytes * 2 ** 20)
    const { folder, args } = folderOf(vendor, ["short", "a long one", "another"])
    const run = startCommand(folder, args)
    expect(await run.code).toBe(0)
    const inspect = startCommand(folder, ["inspect", "out.jsonl", "--ui", "0"])
    const browser = await startBrowser()
    const url = await inspect.url()
    const { page, wrong } = await openTab(browser, url)
    await page.getByRole("link", { name: "Items" }).click()
    const grid = page.getByRole("grid")
    // The list has its first letters alone.
    await soon(() => grid.getByRole("row").nth(2).textContent()).toContain(script)
    expect(((await grid.textContent()) ?? "").length).toBeLessThan(2_000)
    await grid.getByRole("row").nth(2).click()
    const answered = page.getByRole("region", { name: "Answered" })
    await soon(() => answered.textContent()).toContain("The first 200,000 of 5,242,880 characters.")
    expect(await answered.locator("pre").textContent()).toBe(vendor.longAnswer.slice(0, 200_000))
    expect(await answered.locator("script, svg").count()).toBe(0)
    const whole = await page.getByRole("link", { name: "All of it as plain text" }).getAttribute("href")
    const { text, type } = await page.evaluate(async (path) => {
      const answer = await fetch(path)
      return { text: await answer.text(), type: answer.headers.get("content-type") }
    }, whole!)
    expect(text).toBe(vendor.longAnswer)
    expect(type).toContain("text/plain")
    // Opened in a tab it is text too.
    const tab = await page.context().newPage()
    await tab.goto(new URL(whole!, page.url()).href)
    expect(await tab.locator("script, svg").count()).toBe(0)
    // The page answers as before.
    await page.keyboard.press("Escape")
    await page.getByRole("searchbox").fill("alert(2)")
    await soon(() => grid.getAttribute("aria-rowcount")).toBe("2")
    expect(wrong).toEqual([])
  },
)

test.skipIf(!hasBrowser)(
  "filters and the search together: of the failed ones those with a word, sorted by a click on a column",
  async () => {
    const vendor = await scriptedVendor()
    const texts = Array.from(
      { length: 40 },
      (_, n) => `${n % 4 === 0 ? "bad" : "good"} ${n % 3 === 0 ? "apple" : "pear"} ${n}`,
    )
    const { folder, args } = folderOf(vendor, texts)
    expect(await startCommand(folder, args).code).toBe(1)
    const inspect = startCommand(folder, ["inspect", "out.jsonl", "--ui", "0"])
    const browser = await startBrowser()
    const { page, wrong } = await openTab(browser, await inspect.url())
    const grid = page.getByRole("grid")
    const counted = (): Promise<string | null> => grid.getAttribute("aria-rowcount")
    const asked = async (): Promise<string[]> => grid.locator(".row:not(.head) .asked").allTextContents()
    await page.getByRole("link", { name: "Items" }).click()
    await soon(counted).toBe("41")
    await page.getByRole("searchbox").fill("Apple")
    await soon(counted).toBe("15")
    await page.getByRole("link", { name: "Failed 10" }).click()
    await soon(counted).toBe("5")
    await page.getByRole("button", { name: "#" }).click()
    const failed = [0, 12, 24, 36].map((n) => `bad apple ${n}`)
    await soon(async () => (await asked()).map((text) => /bad apple \d+/.exec(text)?.[0])).toEqual(failed)
    await page.getByRole("button", { name: "#" }).click()
    await soon(async () => (await asked()).map((text) => /bad apple \d+/.exec(text)?.[0])).toEqual(failed.toReversed())
    expect(await page.getByRole("columnheader", { name: "#" }).getAttribute("aria-sort")).toBe("descending")
    await page.getByRole("searchbox").fill("no item says this")
    await soon(counted).toBe("1")
    await soon(() => page.getByText("0 items").count()).toBe(1)
    await page.getByRole("link", { name: "Cut" }).click()
    await page.getByRole("searchbox").fill("")
    await soon(counted).toBe("1")
    await page.getByRole("link", { name: "Slowest" }).click()
    await soon(counted).toBe("41")
    expect(await page.getByRole("columnheader", { name: "Took" }).getAttribute("aria-sort")).toBe("descending")
    expect(wrong).toEqual([])
  },
)
