import { createDefine } from "@sluice/core"
import { createQuota, systemRuntime } from "@sluice/scheduler"
import { expect, test, vi } from "vitest"
import { openPage } from "../../src/index.ts"
import { hasBrowser, openTab, startBrowser } from "../chromium.ts"

vi.setConfig({ testTimeout: 120_000 })
const soon = <T>(what: () => T) => expect.poll(what, { timeout: 60_000 })

test.skipIf(!hasBrowser)("a flow of one's own: its graph with counts, and its items over time", async () => {
  const { step, batch, flow, batchFlow } = createDefine(systemRuntime)<{ texts: string[] }>()
  const held: (() => void)[] = []
  const quota = createQuota({ concurrency: 3, onEvent: (event) => page.onEvent(event) })
  const ask = batch({
    name: "ask",
    concurrency: 5,
    limiter: quota,
    prep: ({ texts }: { texts: string[] }) => texts,
    exec: (text: string) =>
      new Promise<string>((resolve, reject) => {
        held.push(() => (text === "bad" ? reject(new Error("no")) : resolve(text)))
      }),
    onError: "collect",
  })
  const digest = batchFlow({
    name: "perFile",
    prep: () => [{ file: "a" }],
    flow: flow({ name: "file", start: "ask", nodes: { ask } }),
  })
  const load = step({ name: "load", exec: () => "loaded" })
  const check = step({ name: "check", exec: () => "checked", post: (): "good" | "again" => "good" })
  const whole = flow({
    name: "whole",
    start: "first",
    nodes: { first: load, digest, check },
    edges: { first: { default: "digest" }, digest: { default: "check" }, check: { good: null, again: "first" } },
  })
  const page = await openPage({ title: "my flow", flow: whole })
  try {
    const done = whole.run({ texts: ["one", "two", "bad", "four"] }, { onEvent: page.onEvent })
    await vi.waitUntil(() => held.length === 3)
    const browser = await startBrowser()
    const { page: tab, wrong } = await openTab(browser, page.url)
    await tab.getByRole("link", { name: "Flow" }).click()
    const graph = tab.getByRole("region", { name: "The flow" })
    await soon(() => graph.textContent()).toContain("4 in flight")
    expect(await graph.textContent()).toMatch(/whole.*load.*1 done.*then → digest.*perFile.*file.*ask/u)
    // Its edges are arrows: from one side of a node to the other's, wherever the window's width puts them.
    const whereArrowsGo = (): Promise<unknown> =>
      graph
        .locator("svg.arrows")
        .last()
        .evaluate((svg) => {
          const corner = svg.getBoundingClientRect()
          const nodes = [...svg.parentElement!.querySelectorAll(":scope > ol > li")].map((node) =>
            node.getBoundingClientRect(),
          )
          const nodeAt = (x: number, y: number): number =>
            nodes.findIndex(
              ({ left, right, top, bottom }) => x >= left - 2 && x <= right + 2 && y >= top - 2 && y <= bottom + 2,
            )
          return [...svg.querySelectorAll("g")].map((arrow) => {
            const path = arrow.querySelector("path")!
            const [from, to] = [path.getPointAtLength(0), path.getPointAtLength(path.getTotalLength())]
            const at = ({ x, y }: { x: number; y: number }): number => nodeAt(corner.left + x, corner.top + y)
            return [at(from), arrow.querySelector("text")?.textContent ?? "", at(to)]
          })
        })
    const drawn = [
      [0, "", 1],
      [1, "", 2],
      [2, "again", 0],
    ]
    await soon(whereArrowsGo).toEqual(drawn)
    await tab.setViewportSize({ width: 420, height: 860 })
    await soon(whereArrowsGo).toEqual(drawn)
    expect(await tab.evaluate("document.documentElement.scrollWidth")).toBe(420)
    await tab.setViewportSize({ width: 1280, height: 900 })
    for (let settled = 0; settled < 4; settled++) {
      await vi.waitUntil(() => held.length > 0)
      held.shift()!()
    }
    await done
    await soon(() => graph.textContent()).toContain("3 done, 1 failed")
    await tab.getByRole("link", { name: "Timeline" }).click()
    const items = tab.getByRole("region", { name: "Items over time" })
    await soon(() => items.getByRole("link").count()).toBe(5)
    await soon(() => tab.getByRole("region", { name: "What the last minute was spent on" }).textContent()).toContain(
      "5 items",
    )
    // One for each, and the wait of the fourth.
    expect(await items.locator(".lane .own").count()).toBe(5)
    expect(await items.locator(".lane .wait").count()).toBe(1)
    await tab.getByRole("button", { name: "Earlier" }).click()
    await soon(() => tab.getByRole("button", { name: "Later" }).isEnabled()).toBe(true)
    await items.getByRole("link").first().click()
    await soon(() => tab.getByRole("heading", { level: 2 }).textContent()).toContain("Item 0")
    expect(wrong).toEqual([])
  } finally {
    await page.close()
    void quota.close({ reject: true })
  }
})
