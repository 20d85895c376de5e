import { createContext, runInContext } from "node:vm"
import { expect, test } from "vitest"
import { VirtualClock } from "../src/index.ts"
import { post, vendorFor } from "./started-vendor.ts"

/** As much of an element as the page uses. What was set as text stays text: there is no way to make markup of it. */
class FakeElement {
  readonly style: Record<string, string> = {}
  readonly listeners = new Map<string, () => unknown>()
  readonly tag: string
  children: FakeElement[] = []
  className = ""
  title = ""
  textContent = ""

  constructor(tag: string) {
    this.tag = tag
  }

  append(...children: FakeElement[]): void {
    this.children.push(...children)
  }

  replaceChildren(...children: FakeElement[]): void {
    this.children = children
  }

  addEventListener(type: string, listener: () => unknown): void {
    this.listeners.set(type, listener)
  }

  get text(): string {
    return [this.textContent, ...this.children.map(({ text }) => text)].filter((text) => text !== "").join(" ")
  }
}

/** The page of a running vendor, its script run as a browser would, its timer in our hands. */
async function openPage(url: string) {
  const html = await (await fetch(`${url}/lab`)).text()
  const elements = new Map(
    [...html.matchAll(/<(\w+) id="(\w+)"/g)].map(([, tag = "", id = ""]) => [id, new FakeElement(tag)]),
  )
  const polls: (() => Promise<void>)[] = []
  const document = {
    getElementById: (id: string) => elements.get(id),
    createElement: (tag: string) => new FakeElement(tag),
  }
  const page = {
    document,
    fetch: (path: string, init?: RequestInit) => fetch(url + path, init),
    setTimeout: (poll: () => Promise<void>) => polls.push(poll),
  }
  runInContext(/<script>([\s\S]*)<\/script>/.exec(html)?.[1] ?? "", createContext(page))
  await expect.poll(() => polls.length).toBe(1)
  return {
    textOf: (id: string): string => elements.get(id)?.text ?? "",
    element: (id: string): FakeElement | undefined => elements.get(id),
    async nextSecond(): Promise<void> {
      await polls.shift()?.()
    },
  }
}

const body = { model: "m", messages: [{ role: "user", content: "hello" }] }

test("the live page shows the truth, follows it, and starts afresh on a click", async () => {
  const clock = new VirtualClock()
  const vendor = await vendorFor({ clock, limits: { requests: { limit: 60, burst: 2 } } })
  const page = await openPage(vendor.url)
  expect(page.textOf("figures")).toContain("Arrived 0")
  for (let call = 0; call < 3; call++) await post(`${vendor.url}/v1/chat/completions`, { ...body, user: String(call) })
  await page.nextSecond()
  expect(page.textOf("figures")).toMatch(/Arrived 3 Answered 2 Refused 1/)
  expect(page.textOf("limits")).toContain("requests 0 of 60")
  expect(page.textOf("reasons")).toContain("rate:requests 1")
  const now = page.element("seconds")?.children.at(-1)
  expect(now?.title).toBe("2 started, 1 refused")
  expect(now?.children.map(({ style }) => Math.round(Number.parseFloat(style["height"] ?? "")))).toEqual([33, 67])
  await page.element("reset")?.listeners.get("click")?.()
  await page.nextSecond()
  expect(page.textOf("figures")).toContain("Arrived 0")
  await vendor.stop()
  await page.nextSecond()
  expect(page.textOf("state")).toBe("(not reachable)")
})

test("no name becomes markup: the page makes elements and sets text, and a model's name is not in it", async () => {
  const hostile = "<img src=x onerror=alert(1)>"
  const vendor = await vendorFor({ models: [hostile] })
  await post(`${vendor.url}/v1/chat/completions`, { ...body, model: hostile })
  const html = await (await fetch(`${vendor.url}/lab`)).text()
  expect(html).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write/)
  expect(html + JSON.stringify(await (await fetch(`${vendor.url}/lab/stats`)).json())).not.toContain("onerror")
})
