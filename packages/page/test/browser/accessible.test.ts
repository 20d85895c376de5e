import { expect, onTestFinished, test, vi } from "vitest"
import { openPage } from "../../src/index.ts"
import { faultsOf } from "../faults-of.ts"
import { hasBrowser, openTab, startBrowser } from "../chromium.ts"
import { soon } from "../command.ts"
import { manyMembers, sharedQuota } from "../shared-quota.ts"
import { layoutFaults } from "../layout-faults.ts"
import { tellRun } from "../told-run.ts"

vi.setConfig({ testTimeout: 180_000 })

async function shown(): Promise<{ url: string; done: string[] }> {
  const done: string[] = []
  const page = await openPage({
    title: "a run",
    total: () => 50,
    shared: async () => [
      sharedQuota(),
      sharedQuota({ tag: "many", name: "anthropic/claude-opus-4-1", members: manyMembers(16) }),
    ],
    flow: { toJSON: () => ({ name: "digest", kind: "batch" }) },
    controls: {
      pause: () => done.push("pause"),
      resume: () => done.push("resume"),
      drain: () => done.push("drain"),
      stop: () => done.push("stop"),
      update: (limits) => done.push(JSON.stringify(limits)),
      retryFailed: () => done.push("retry"),
    },
  })
  onTestFinished(() => page.close())
  tellRun(page.onEvent, 30)
  return { url: page.url, done }
}

const views = ["", "items", "row/0", "flow", "shared", "timeline"]

test.skipIf(!hasBrowser).for([
  ["light", 1280],
  ["light", 420],
  ["dark", 1280],
  ["dark", 420],
] as const)(
  "every view has names for a screen reader and contrast for everybody: %s, %i pixels wide",
  async ([colorScheme, width]) => {
    const { url } = await shown()
    const browser = await startBrowser()
    const { page, wrong } = await openTab(browser, url, { colorScheme, viewport: { width, height: 860 } })
    const found: string[] = []
    for (const view of views) {
      await page.goto(new URL(`#/${view}`, url).href)
      await soon(() => page.locator("main > *").count()).toBeGreaterThan(0)
      await page.waitForTimeout(1_500)
      found.push(...(await faultsOf(page)).map((each) => `/${view} ${each}`))
      // Nothing lies on anything, is cut or sticks out of the window, also where letters are twice as large.
      for (const narrow of [width, Math.max(320, width / 2)]) {
        await page.setViewportSize({ width: narrow, height: 860 })
        let faults = ["not looked at"]
        // Charts follow the window a moment later.
        for (let looks = 0; faults.length > 0 && looks < 50; looks++) {
          await page.waitForTimeout(100)
          faults = await layoutFaults(page)
        }
        found.push(...faults.map((each) => `/${view}, ${narrow} pixels wide: ${each}`))
      }
      await page.setViewportSize({ width, height: 860 })
    }
    await page.getByRole("button", { name: "Limits…" }).click()
    found.push(...(await faultsOf(page)))
    expect(found).toEqual([])
    expect(wrong).toEqual([])
    // What is looked for is found.
    await page.keyboard.press("Escape")
    await page.evaluate(
      `document.querySelector("h1").style.cssText = "position: relative; top: 20px; white-space: nowrap; width: 20px"`,
    )
    expect((await layoutFaults(page)).join()).toMatch(/"a run" lies on "running".*"a run" is cut/)
  },
)

test.skipIf(!hasBrowser)(
  "by the keyboard alone: from view to view, an item opened and left, a limit changed, the run paused",
  async () => {
    const { url, done } = await shown()
    const browser = await startBrowser()
    const { page } = await openTab(browser, url)
    const focused = (): Promise<string> =>
      page.evaluate<string>(
        'document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent ?? ""',
      )
    /** Presses Tab until it is there: whoever has no mouse has no other way. */
    const tabTo = async (name: string): Promise<void> => {
      for (let n = 0; n < 60; n++) {
        await page.keyboard.press("Tab")
        if ((await focused()).startsWith(name)) return
      }
      throw new Error(`Tab never comes to ${name}`)
    }
    await soon(() => page.getByRole("button", { name: "Pause" }).isEnabled()).toBe(true)
    await tabTo("Pause")
    await page.keyboard.press("Enter")
    await soon(() => done).toEqual(["pause"])
    await soon(() => page.getByRole("button", { name: "Resume" }).count()).toBe(1)
    await tabTo("Limits")
    await page.keyboard.press("Space")
    const dialog = page.getByRole("dialog", { name: "Limits" })
    await soon(() => dialog.isVisible()).toBe(true)
    await page.keyboard.press("Escape")
    await soon(() => dialog.isVisible()).toBe(false)
    // Closing it leads back to where it was opened.
    expect(await focused()).toContain("Limits")
    await page.keyboard.press("Enter")
    await page.keyboard.type("300")
    await page.keyboard.press("Enter")
    await soon(() => done).toEqual(["pause", '{"requestsPerMinute":300}'])

    await tabTo("Items")
    await page.keyboard.press("Enter")
    const grid = page.getByRole("grid")
    await soon(() => grid.getAttribute("aria-rowcount")).toBe("31")
    await tabTo("Search")
    await tabTo("Items")
    await page.keyboard.press("End")
    await soon(() => grid.getAttribute("aria-activedescendant")).toBe("row-29")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Enter")
    await soon(() => page.getByRole("heading", { level: 2 }).textContent()).toContain("Item 28")
    await page.keyboard.press("Escape")
    await soon(() => grid.count()).toBe(1)
    await tabTo("Flow")
    await page.keyboard.press("Enter")
    await soon(() => page.getByRole("region", { name: "The flow" }).textContent()).toContain("digest")
    await tabTo("Timeline")
    await page.keyboard.press("Enter")
    const overTime = page.getByRole("region", { name: "Items over time" })
    await soon(() => overTime.getByRole("link").count()).toBeGreaterThan(0)
    const span = page.getByRole("group", { name: "Span of time" })
    await tabTo("Zoom out")
    await page.keyboard.press("Enter")
    await tabTo("Earlier")
    await page.keyboard.press("Space")
    await soon(() => span.getByRole("button", { name: "Later" }).isEnabled()).toBe(true)
    await tabTo("Later")
    await page.keyboard.press("Enter")
    await soon(() => span.getByRole("button", { name: "Later" }).isEnabled()).toBe(false)
    await soon(() => overTime.getByRole("link").count()).toBeGreaterThan(0)
    await overTime.getByRole("link").first().focus()
    await page.keyboard.press("Enter")
    await soon(() => page.getByRole("heading", { level: 2 }).textContent()).toContain("Item ")
    await tabTo("Back")
    await page.keyboard.press("Enter")
    await soon(() => overTime.count()).toBe(1)
    await tabTo("Overview")
    await page.keyboard.press("Enter")
    await tabTo("5 min")
    await page.keyboard.press("Enter")
    await soon(() => page.getByRole("button", { name: "5 min" }).getAttribute("aria-pressed")).toBe("true")
  },
)
