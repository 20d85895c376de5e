import type { QuotaState } from "@sluice/core"
import { VirtualClock } from "@sluice/lab"
import { expect, onTestFinished, test, vi } from "vitest"
import { openPage, type Page, type PageOptions } from "../../src/index.ts"
import type { Hello, Tick } from "../../src/wire.ts"

/** A page that a tab looks at, and what that tab was told. */
async function looked(options: PageOptions): Promise<{ page: Page; told: (Hello | Tick)[]; clock: VirtualClock }> {
  const clock = new VirtualClock()
  const page = await openPage({ title: "a run", clock, ...options })
  onTestFinished(() => page.close())
  const { origin, searchParams } = new URL(page.url)
  const headers = { authorization: `Bearer ${searchParams.get("token")}` }
  const { body } = await fetch(`${origin}/api/live`, { headers })
  const told: (Hello | Tick)[] = []
  const read = async (): Promise<void> => {
    let text = ""
    for await (const piece of body!.pipeThrough(new TextDecoderStream())) {
      text += piece
      const whole = text.split("\n\n")
      text = whole.pop()!
      for (const each of whole) told.push(JSON.parse(each.slice(each.indexOf("data: ") + 6)) as Hello | Tick)
    }
  }
  void read().catch(() => {})
  await vi.waitUntil(() => told.length === 1)
  return { page, told, clock }
}

test("a total that throws ends neither the run nor the page: it is unknown as long, and said", async () => {
  let isBroken = false
  const total = (): number => {
    if (isBroken) throw new Error("total of mine")
    return 5
  }
  const { page, told, clock } = await looked({ total })
  isBroken = true
  await clock.advance(1_000)
  await vi.waitUntil(() => told.length === 2)
  expect(told.map(({ state }) => state.total)).toEqual([5, undefined])
  await clock.advance(1_000)
  await vi.waitUntil(() => told.length === 3)
  expect(told.flatMap(({ marks }) => marks.map(({ text }) => text)).join("\n")).toContain("total of mine")
  isBroken = false
  page.end("ok")
  await vi.waitUntil(() => told.length === 4)
  expect(told[3]!.state).toMatchObject({ total: 5, status: "ok" })
})

test("a quota whose state cannot be read ends nothing: the page goes on when it can be", async () => {
  let isBroken = false
  const { page, told, clock } = await looked({})
  // Held here: the page holds it weakly.
  const state = (): QuotaState => {
    if (isBroken) throw new Error("no state")
    return { quota: "mine", atMs: 0, wallMs: 0, inFlight: 0, waiting: 0, gate: { state: "open" }, limits: [] }
  }
  page.onEvent.watch!(state)
  isBroken = true
  await clock.advance(1_000)
  page.end("ok")
  page.begin()
  isBroken = false
  await clock.advance(1_000)
  await vi.waitUntil(() => told.length === 2)
  expect(told[1]!.marks.map(({ text }) => text).join("\n")).toContain("no state")
  expect(told[1]!.state.quotas).toMatchObject([state()].map(({ quota }) => ({ name: quota })))
})
