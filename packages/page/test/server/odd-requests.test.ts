import { VirtualClock } from "@sluice/lab"
import { expect, onTestFinished, test, vi } from "vitest"
import { openPage, type Page, type PageOptions } from "../../src/index.ts"
import type { ItemPage, PageState } from "../../src/wire.ts"
import { journalPage } from "../told-journal.ts"
import { tellRun } from "../told-run.ts"

interface Opened {
  readonly page: Page
  readonly get: (path: string) => Promise<Response>
  readonly control: (body: object) => Promise<{ status: number; text: string }>
  readonly actions: () => Promise<PageState["actions"]>
}

async function opened(options: PageOptions = {}): Promise<Opened> {
  const page = await openPage({ title: "a run", ...options })
  onTestFinished(() => page.close())
  const { origin, searchParams } = new URL(page.url)
  const headers = { authorization: `Bearer ${searchParams.get("token")}`, "content-type": "application/json" }
  return {
    page,
    get: (path) => fetch(`${origin}${path}`, { headers }),
    async control(body) {
      const request = { method: "POST", headers, body: JSON.stringify(body) }
      const answer = await fetch(`${origin}/api/control`, request)
      return { status: answer.status, text: await answer.text() }
    },
    async actions() {
      const html = await (await fetch(page.url)).text()
      const hello = /<script type="application\/json" id="hello">(.*?)<\/script>/.exec(html)![1]!
      return (JSON.parse(hello) as { state: PageState }).state.actions
    },
  }
}

test.each([
  "/api/items/999999999",
  "/api/items/999999999/asked",
  "/api/items/999999999/answered",
  "/api/items/-1",
  "/api/items/-1/asked",
  "/api/items/__proto__",
  "/api/items/1e0",
  "/api/items/0/__proto__",
])("%s is no item: 404", async (path) => {
  const { origin, searchParams } = new URL(await journalPage([{ index: 0, value: "answer" }]))
  const headers = { authorization: `Bearer ${searchParams.get("token")}` }
  const status = async (of: string) => (await fetch(`${origin}${of}`, { headers })).status
  await vi.waitUntil(async () => (await status("/api/items/0/answered")) === 200)
  expect(await status(path)).toBe(404)
})

test("without a journal there are no texts: whoever searches them finds nothing", async () => {
  const { page, get } = await opened()
  tellRun(page.onEvent, 3)
  const count = async (query: string) => ((await (await get(`/api/items${query}`)).json()) as ItemPage).count
  expect(await count("")).toBe(3)
  expect(await count("?text=zz")).toBe(0)
})

test("what is shared does not answer: 504 after 3 s, and it is asked no second time meanwhile; gone: 503 with its words", async () => {
  const clock = new VirtualClock()
  let asked = 0
  const waiting = Promise.withResolvers<never>()
  const { get } = await opened({
    clock,
    shared: () => {
      asked++
      return waiting.promise
    },
  })
  const answers = [get("/api/shared"), get("/api/shared")]
  // The tick of the page, and one for each that waits.
  await vi.waitUntil(() => clock.pending === 3)
  await clock.advance(3_000)
  for (const answer of await Promise.all(answers)) {
    expect(answer.status).toBe(504)
    expect(await answer.text()).toBe("No answer within 3 seconds.")
  }
  expect(asked).toBe(1)
  const gone = get("/api/shared")
  await vi.waitUntil(() => clock.pending === 2)
  waiting.reject(new Error("Connection is closed."))
  expect((await gone).status).toBe(503)
  expect(await (await gone).text()).toBe("Connection is closed.")
  expect(asked).toBe(1)
  expect((await get("/api/shared")).status).toBe(503)
  expect(asked).toBe(2)
})

test("what is over can be neither paused, drained, stopped nor limited; failed items can be asked again, and then it goes on", async () => {
  const done: string[] = []
  const doer = (name: string) => () => void done.push(name)
  const { page, control, actions } = await opened({
    controls: {
      pause: doer("pause"),
      resume: doer("resume"),
      drain: doer("drain"),
      stop: doer("stop"),
      update: doer("update"),
      retryFailed: doer("retry"),
    },
  })
  expect(await actions()).toEqual(["pause", "resume", "drain", "stop", "update", "retry-failed"])
  page.end("ok")
  expect(await actions()).toEqual(["retry-failed"])
  for (const body of [
    { action: "pause" },
    { action: "resume" },
    { action: "drain" },
    { action: "stop" },
    { action: "update", changes: { concurrency: 2 } },
  ])
    expect(await control(body)).toEqual({ status: 400, text: "The run is over." })
  expect(done).toEqual([])
  expect((await control({ action: "retry-failed" })).status).toBe(200)
  page.begin()
  expect((await control({ action: "pause" })).status).toBe(200)
  expect(done).toEqual(["retry", "pause"])
})

test.each([
  [{ tokensPerMinute: 1e-300 }, "tokensPerMinute must be at least 1."],
  [{ requestsPerDay: 0.5 }, "requestsPerDay must be at least 1."],
  [{ concurrency: 1e300 }, "concurrency must be a whole number of at least 1."],
  [{ concurrency: 0.5 }, "concurrency must be a whole number of at least 1."],
  [{ budgetUsd: 0 }, "budgetUsd must be a number above 0."],
])("%j is no limit", async (changes, text) => {
  let limits: object | undefined
  const { control } = await opened({ controls: { update: (told) => (limits = told) } })
  expect(await control({ action: "update", changes })).toEqual({ status: 400, text })
  expect(limits).toBeUndefined()
  const sane = { tokensPerMinute: 1.5, concurrency: 3, budgetUsd: 0.01 }
  expect((await control({ action: "update", changes: sane })).status).toBe(200)
  expect(limits).toEqual(sane)
})
