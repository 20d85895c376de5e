import { VirtualClock } from "@sluice/lab"
import type { Locator, Page } from "playwright-core"
import { expect, onTestFinished, test, vi } from "vitest"
import { openPage } from "../../src/index.ts"
import { hasBrowser, openTab, startBrowser, type Tab } from "../chromium.ts"
import { soon } from "../command.ts"
import { journalPage } from "../told-journal.ts"

vi.setConfig({ testTimeout: 120_000 })

const count = 3_000
const metals = ["copper", "iron", "zinc"] as const

/** A run over so many items that a list of them scrolls, in a tab that shows the list. */
async function openList(address = "#/items/all"): Promise<Tab & { readonly grid: Locator }> {
  const items = Array.from({ length: count }, (_, index) => {
    const input = `What is ${metals[index % 3]} used for? No. ${index}`
    return { index, value: { input, output: `Answer ${index}` } }
  })
  const tab = await openTab(await startBrowser(), new URL(address, await journalPage(items)).href)
  const grid = tab.page.getByRole("grid")
  await soon(() => grid.getByRole("row").nth(1).textContent()).toContain("Answer")
  return { ...tab, grid }
}

/** The list as somebody sees it: where it is scrolled to, which row keys move, and whether they do. */
async function standOf(page: Page, grid: Locator): Promise<unknown> {
  return {
    top: await grid.evaluate((element) => element.scrollTop),
    selected: await grid.locator("[aria-selected=true]").textContent(),
    focus: await page.evaluate('document.activeElement.getAttribute("role")'),
    search: await page.getByRole("searchbox").inputValue(),
    rows: await grid.getAttribute("aria-rowcount"),
  }
}

test.skipIf(!hasBrowser)(
  "an item is left to where one was: place, search, order and the keyboard's row, by Escape, Back and a reload",
  async () => {
    const { page, grid, wrong } = await openList()
    await page.getByRole("searchbox").pressSequentially("copper")
    await soon(() => grid.getAttribute("aria-rowcount")).toBe("1001")
    await grid.getByRole("button", { name: "#" }).click()
    await soon(() => grid.getByRole("row").nth(1).textContent()).toContain("Answer 2997")
    await grid.focus()
    for (let n = 0; n < 92; n++) await page.keyboard.press("ArrowDown")
    await soon(() => grid.locator("[aria-selected=true]").textContent()).toContain("Answer 2721")
    const before = await standOf(page, grid)
    expect(before).toMatchObject({ focus: "grid", search: "copper", rows: "1001" })
    expect((before as { top: number }).top).toBeGreaterThan(1_000)

    const open = async (): Promise<void> => {
      await page.keyboard.press("Enter")
      await soon(() => page.getByRole("heading", { level: 2 }).textContent()).toContain("Item")
    }
    for (const leave of [
      () => page.keyboard.press("Escape"),
      () => page.goBack(),
      () => page.getByRole("button", { name: "Back to the list" }).click(),
    ]) {
      await open()
      await leave()
      await soon(() => standOf(page, grid)).toEqual(before)
    }
    await page.reload()
    await soon(() => standOf(page, grid)).toEqual(before)

    // One item after the other, with arrows, Enter and Escape alone.
    for (const next of ["2718", "2715", "2712"]) {
      await page.keyboard.press("ArrowDown")
      await open()
      await soon(() => page.getByRole("region", { name: "Answered" }).textContent()).toContain(`Answer ${next}`)
      await page.keyboard.press("Escape")
      await soon(() => grid.locator("[aria-selected=true]").textContent()).toContain(`Answer ${next}`)
    }
    expect(wrong).toEqual([])
  },
)

test.skipIf(!hasBrowser)(
  "a list has an address: filter, order and search; each filter begins at its top, and Back leads to the one before",
  async () => {
    const { page, grid } = await openList("#/items/all?sort=-index&text=zinc")
    await soon(() => grid.getAttribute("aria-rowcount")).toBe("1001")
    expect(await page.getByRole("searchbox").inputValue()).toBe("zinc")
    expect(await grid.getByRole("row").nth(1).textContent()).toContain("Answer 2999")
    await grid.focus()
    await page.keyboard.press("End")
    await soon(() => grid.locator("[aria-selected=true]").textContent()).toContain("Answer 2")
    const before = await standOf(page, grid)
    // What is written about a place is written when it has stood for a moment.
    await soon(() => page.evaluate("history.state?.focused")).toBe(999)
    await page.getByRole("link", { name: "Slowest" }).click()
    await soon(() => grid.locator("[aria-selected=true]").getAttribute("aria-rowindex")).toBe("2")
    expect(await page.getByRole("searchbox").inputValue()).toBe("zinc")
    await page.goBack()
    await soon(() => standOf(page, grid)).toEqual(before)
    // A list that there is not is the first one.
    await page.evaluate('location.hash = "#/items/nonsense"')
    await soon(() => grid.getAttribute("aria-rowcount")).toBe(String(count + 1))
    expect(await grid.getByRole("row").nth(1).textContent()).toContain("Answer 0")
  },
)

test.skipIf(!hasBrowser)("a list is put in order by the keyboard, which stays on the head of its column", async () => {
  const { page, grid } = await openList()
  await grid.focus()
  const focused = (): Promise<string> => page.evaluate<string>('document.activeElement.textContent ?? ""')
  for (let n = 0; n < 12 && !(await focused()).startsWith("#"); n++) await page.keyboard.press("Tab")
  await page.keyboard.press("Enter")
  await soon(() => grid.getByRole("row").nth(1).textContent()).toContain("Answer 2999")
  expect(await focused()).toBe("# ↓")
  await page.keyboard.press("Space")
  await soon(() => grid.getByRole("row").nth(1).textContent()).toContain("Answer 0")
  expect(await focused()).toBe("# ↑")
  expect(await grid.getByRole("columnheader", { name: "#" }).getAttribute("aria-sort")).toBe("ascending")
})

test.skipIf(!hasBrowser)("who comes back to a list that has grown above is at the same item", async () => {
  const clock = new VirtualClock()
  const page = await openPage({ title: "told", clock })
  onTestFinished(() => page.close())
  const fail = async (index: number): Promise<void> => {
    const told = { atMs: clock.now(), runId: "r", node: "n", index, spanId: index }
    page.onEvent({ type: "item-start", ...told })
    page.onEvent({ type: "item-end", status: "failed", error: new Error("no"), attempts: 1, ...told })
    await clock.advance(1_000)
  }
  for (let index = 0; index < 60; index++) await fail(index)
  const { page: tab } = await openTab(await startBrowser(), new URL("#/items/failed", page.url).href)
  const grid = tab.getByRole("grid")
  const selected = grid.locator("[aria-selected=true] .index")
  await soon(() => selected.textContent()).toBe("59")
  await grid.focus()
  for (let n = 0; n < 40; n++) await tab.keyboard.press("ArrowDown")
  await soon(() => selected.textContent()).toBe("19")
  const where = await selected.boundingBox()
  await tab.keyboard.press("Enter")
  await soon(() => tab.getByRole("heading", { level: 2 }).textContent()).toContain("Item 19")
  for (let index = 60; index < 65; index++) await fail(index)
  await tab.keyboard.press("Escape")
  // The latest stand first.
  await soon(() => grid.getAttribute("aria-rowcount")).toBe("66")
  await soon(() => selected.textContent()).toBe("19")
  expect(await selected.boundingBox()).toEqual(where)
  await tab.keyboard.press("ArrowDown")
  await soon(() => selected.textContent()).toBe("18")
})
