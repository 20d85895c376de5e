import { createDefine, ItemError } from "@sluice/core"
import { systemRuntime } from "@sluice/scheduler"
import { expect, onTestFinished, test, vi } from "vitest"
import { openPage } from "../../src/index.ts"
import { hasBrowser, openTab, startBrowser } from "../chromium.ts"
import { soon } from "../command.ts"
import { journalPage } from "../told-journal.ts"

vi.setConfig({ testTimeout: 120_000 })

test.skipIf(!hasBrowser)(
  "items of several nodes are named by them, and one that failed says why, also where the flow collects what fails",
  async () => {
    const { batch, flow } = createDefine(systemRuntime)<{ texts: string[] }>()
    const prep = ({ texts }: { texts: string[] }): string[] => texts
    const fetch = batch({ name: "fetch", prep, exec: (text) => Promise.resolve(text) })
    const ask = batch({
      name: "ask",
      prep,
      exec: (text) =>
        text === "bad" ? Promise.reject(new Error("the vendor knows no such word")) : Promise.resolve(text),
      onError: "collect",
    })
    const whole = flow({ name: "whole", start: "fetch", nodes: { fetch, ask }, edges: { fetch: { default: "ask" } } })
    const page = await openPage({ flow: whole })
    onTestFinished(() => page.close())
    await whole.run({ texts: ["good", "bad"] }, { onEvent: page.onEvent })
    const { page: tab, wrong } = await openTab(await startBrowser(), new URL("#/items/all", page.url).href)
    const names = tab.getByRole("grid").locator(".rows .index")
    await soon(async () => (await names.allTextContents()).toSorted()).toEqual(["ask0", "ask1", "fetch0", "fetch1"])
    const failed = tab.getByRole("grid").getByRole("row").filter({ hasText: "failed" })
    const row = await failed.textContent()
    expect(row).toContain("the vendor knows no such word")
    expect(row).not.toContain("item-failed")
    // Once: how it ended is what stands in place of its answer.
    expect(row!.split("no such word")).toHaveLength(2)
    await failed.click()
    await soon(() => tab.locator("pre.error").textContent()).toBe("the vendor knows no such word")
    expect(await tab.getByRole("region", { name: "Answered" }).textContent()).toBe("AnsweredNo answer came.")
    expect(wrong).toEqual([])
  },
)

test.skipIf(!hasBrowser)(
  "an item is called the same in the list and over its page, and its address does not look like that name",
  async () => {
    // Settled in another order than that of their numbers, as those of a run are.
    const items = [1_507, 3, 0].map((index) => ({ index, value: { output: `answer ${index}` } }))
    const { page: tab } = await openTab(
      await startBrowser(),
      new URL("#/items/all", await journalPage([...items, { index: 9, key: "i1442", value: { output: "x" } }])).href,
    )
    const heading = tab.getByRole("heading", { level: 2 })
    for (const [name, row] of [
      ["1507", 0],
      ["3", 1],
      ["i1442", 3],
    ] as const) {
      await tab.getByRole("grid").getByRole("link", { name, exact: true }).click()
      await soon(() => heading.textContent()).toMatch(new RegExp(`Item ${name}$`, "u"))
      expect(new URL(tab.url()).hash).toBe(`#/row/${row}`)
      await tab.keyboard.press("Escape")
    }
  },
)

test.skipIf(!hasBrowser)("a failed item that a flow collected says why in a journal too", async () => {
  const error = new ItemError("ask", { index: 0, attempts: 2, errors: [new Error("the vendor knows no such word")] })
  const url = new URL("#/items/all", await journalPage([{ index: 0, node: "ask", error }])).href
  const { page: tab } = await openTab(await startBrowser(), url)
  const failed = tab.getByRole("grid").getByRole("row").filter({ hasText: "failed" })
  await soon(() => failed.textContent()).toContain("the vendor knows no such word")
  expect(await failed.textContent()).not.toContain("item-failed")
})
