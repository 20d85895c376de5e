import { openJournal } from "@sluice/journal"
import { expect, onTestFinished, test, vi } from "vitest"
import path from "node:path"
import { openPage } from "../../src/index.ts"
import { hasBrowser, openTab, startBrowser } from "../chromium.ts"
import { folderOf, soon, startCommand } from "../command.ts"
import { scriptedVendor } from "../scripted-vendor.ts"
import { journalPage } from "../told-journal.ts"
import { tellRun } from "../told-run.ts"

vi.setConfig({ testTimeout: 120_000 })

test.skipIf(!hasBrowser)(
  "a list says what was asked: not the item's name, no marks of JSON; and nothing twice, nothing cut without a title",
  async () => {
    const long = `A "quoted" word, ${"and so on ".repeat(100)}`
    const url = await journalPage([
      {
        index: 0,
        key: "i1442",
        value: { input: { id: "i1442", text: 'Say "copper"\n twice' }, output: "copper copper" },
      },
      { index: 1, value: { input: { id: "i1443", text: long }, output: long } },
      { index: 2, value: { input: { text: `${long} ${"x".repeat(30_000)}` }, output: "yes" } },
      { index: 3, error: new Error("the word is not known to the vendor in any of the languages that it speaks") },
    ])
    const { page: tab } = await openTab(await startBrowser(), new URL("#/items/all", url).href)
    const cells = (kind: string): Promise<string[]> => tab.getByRole("grid").locator(`.rows .${kind}`).allTextContents()
    await soon(async () => (await cells("asked")).length).toBe(4)
    const [first, second, third] = await cells("asked")
    expect(first).toBe('Say "copper"\n twice')
    expect(second).toMatch(/^id: i1443, text: A "quoted" word, and so on/u)
    expect(third).toMatch(/^text: A "quoted" word, and so on/u)
    expect((await cells("finish")).join("")).not.toContain("the word is not known")
    const title = await tab.getByRole("grid").locator(".rows .answered").nth(1).getAttribute("title")
    expect(title).toMatch(/^A "quoted" word, and so on/u)
  },
)

test.skipIf(!hasBrowser)(
  "of a command's run a list says what of the input was in the prompt, and the overview how long it took",
  async () => {
    const vendor = await scriptedVendor()
    const { folder, args } = folderOf(vendor, ["one", "two"])
    expect(await startCommand(folder, args).code).toBe(0)
    const journal = openJournal({ path: path.join(folder, "out.jsonl.journal"), readOnly: true })
    onTestFinished(() => journal.close())
    const page = await openPage({
      journal: journal.path,
      prompt: (input) => `Translate: ${(input as { text: string }).text}`,
    })
    onTestFinished(() => page.close())
    const { page: tab } = await openTab(await startBrowser(), page.url)
    const figures = tab.locator("dl.figures")
    await soon(() => figures.textContent()).toMatch(/Mean rate[1-9][\d,.k]*\/min.*Took\d/u)
    expect(await figures.textContent()).not.toContain("Time left")
    await tab.getByRole("link", { name: "Items" }).click()
    const asked = tab.getByRole("grid").locator(".rows .asked")
    await soon(async () => (await asked.allTextContents()).toSorted()).toEqual(["one", "two"])
  },
)

test.skipIf(!hasBrowser)("what explains the marks in the charts stands apart from them", async () => {
  const page = await openPage({ title: "told" })
  onTestFinished(() => page.close())
  tellRun(page.onEvent, 10)
  const { page: tab } = await openTab(await startBrowser(), page.url)
  const legend = tab.getByRole("list", { name: "Bands and marks in the charts" })
  await soon(() => legend.count()).toBe(1)
  const [above, below] = [await legend.boundingBox(), await tab.locator(".charts > *").first().boundingBox()]
  expect(below!.y - (above!.y + above!.height)).toBeGreaterThanOrEqual(6)
})
