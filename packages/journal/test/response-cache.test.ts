import { cachedCall, cachedFetch, openJournal, type SqliteJournal } from "@sluice/journal"
import { expect, onTestFinished, test } from "vitest"
import { temporaryJournal } from "./temporary.ts"

function open(path = temporaryJournal()): SqliteJournal {
  const journal = openJournal({ path })
  onTestFinished(() => journal.close())
  return journal
}

test("an identical request is answered from the file, also by another process's journal; another request is not", async () => {
  const path = temporaryJournal()
  let calls = 0
  const call = async () => ({ answer: ++calls })
  const first = open(path)
  expect(await cachedCall(first.responses, { model: "m", prompt: "a" }, call)).toEqual({ answer: 1 })
  await first.close()
  const { responses } = open(path)
  expect(await cachedCall(responses, { prompt: "a", model: "m" }, call)).toEqual({ answer: 1 })
  expect(await cachedCall(responses, { prompt: "b", model: "m" }, call)).toEqual({ answer: 2 })
})

test("identical requests in flight share one call; an error is shared but not stored", async () => {
  const { responses } = open()
  let calls = 0
  const fail = async (): Promise<string> => {
    calls++
    throw new Error("down")
  }
  const both = await Promise.allSettled([cachedCall(responses, "q", fail), cachedCall(responses, "q", fail)])
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"])
  expect(calls).toBe(1)
  expect(await cachedCall(responses, "q", async () => "up")).toBe("up")
})

test("one sharer's abort is its own; the call is aborted when all have left", async () => {
  const { responses } = open()
  let inner: AbortSignal | undefined
  const call = (signal: AbortSignal): Promise<string> => {
    inner = signal
    return new Promise(() => {})
  }
  const [a, b] = [new AbortController(), new AbortController()]
  const first = cachedCall(responses, "q", call, a.signal)
  const second = cachedCall(responses, "q", call, b.signal)
  await new Promise(setImmediate)
  a.abort(new Error("a left"))
  await expect(first).rejects.toThrow("a left")
  expect(inner?.aborted).toBe(false)
  b.abort(new Error("b left"))
  await expect(second).rejects.toThrow("b left")
  expect(inner?.aborted).toBe(true)
  expect(await cachedCall(responses, "q", async () => "fresh")).toBe("fresh")
})

test("cachedFetch: one HTTP call for equal POSTs, refusals and GETs pass through", async () => {
  const { responses } = open()
  const seen: string[] = []
  const fetch = cachedFetch(responses, async (input, init) => {
    const { method, url } = new Request(input, init)
    seen.push(`${method} ${url}`)
    const failing = url.endsWith("/busy")
    return Response.json({ n: seen.length }, { status: failing ? 429 : 200, headers: { "retry-after": "7" } })
  })
  const post = (path: string, key = "one") =>
    fetch(`https://vendor.test${path}`, { method: "POST", body: '{"q":1}', headers: { authorization: key } })
  const answers = await Promise.all([post("/chat"), post("/chat", "two")])
  expect(await Promise.all(answers.map((answer) => answer.json()))).toEqual([{ n: 1 }, { n: 1 }])
  expect(await (await post("/chat")).json()).toEqual({ n: 1 })
  const refusals = await Promise.all([post("/busy"), post("/busy")])
  expect(refusals.map(({ status, headers }) => [status, headers.get("retry-after")])).toEqual([
    [429, "7"],
    [429, "7"],
  ])
  expect(await Promise.all(refusals.map((refusal) => refusal.json()))).toEqual([{ n: 2 }, { n: 2 }])
  await fetch("https://vendor.test/models")
  await fetch("https://vendor.test/models")
  expect(seen).toEqual([
    "POST https://vendor.test/chat",
    "POST https://vendor.test/busy",
    "GET https://vendor.test/models",
    "GET https://vendor.test/models",
  ])
})
