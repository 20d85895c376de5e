import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { expect, onTestFinished, test, vi } from "vitest"
import { openPage } from "../../src/index.ts"
import { hasBrowser, openTab, startBrowser } from "../chromium.ts"
import { soon } from "../command.ts"
import { tellRun } from "../told-run.ts"

vi.setConfig({ testTimeout: 120_000 })

/** Another program's server on this machine, and what browsers sent it. */
async function neighbour(): Promise<{ origin: string; cookies: Map<string, string> }> {
  const cookies = new Map<string, string>()
  const server = createServer(({ url = "", headers }, response) => {
    cookies.set(url, headers.cookie ?? "")
    response.setHeader("content-type", "text/html").end("<h1>other</h1>")
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => void server.close())
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, cookies }
}

test.skipIf(!hasBrowser)(
  "another server of this machine gets no token: not on its own paths, nor on those of the page's interface; links, a reload and a second tab work",
  async () => {
    const done: string[] = []
    const page = await openPage({ title: "a run", controls: { pause: () => void done.push("pause") } })
    onTestFinished(() => page.close())
    tellRun(page.onEvent, 3)
    // As somebody links to a view, with the token.
    const { page: tab, wrong } = await openTab(await startBrowser(), new URL("#/items", page.url).href)
    await soon(() => tab.getByRole("grid").count()).toBe(1)
    expect(tab.url()).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]{22}\/#\/items/)
    await tab.reload()
    await soon(() => tab.getByRole("grid").count()).toBe(1)
    const second = await tab.context().newPage()
    await second.goto(tab.url())
    await soon(() => page.viewers).toBe(2)
    await second.getByRole("button", { name: "Pause" }).click()
    await soon(() => done).toEqual(["pause"])

    const { origin, cookies } = await neighbour()
    const third = await tab.context().newPage()
    for (const path of ["/", "/api/items", "/api/control", "/index.html"]) {
      await third.goto(origin + path)
      expect(cookies.get(path)).toBe("")
    }
    // So the browser has one: for whoever is asked for that very path.
    const { pathname } = new URL(tab.url())
    await third.goto(origin + pathname)
    expect(cookies.get(pathname)).toContain("sluice-")
    expect(wrong).toEqual([])
  },
)
