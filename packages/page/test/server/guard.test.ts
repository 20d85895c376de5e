import { request } from "node:http"
import type { SluiceEvent } from "@sluice/core"
import { expect, onTestFinished, test } from "vitest"
import { openPage, type Page, type PageOptions } from "../../src/index.ts"

async function opened(options: PageOptions = {}): Promise<Page> {
  const page = await openPage({ title: "a run", ...options })
  onTestFinished(() => page.close())
  return page
}

interface Answer {
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
}

/** As a browser or a stranger may ask: `fetch` lets nobody choose a Host. */
function ask(
  url: string,
  headers: Readonly<Record<string, string>> = {},
  { method = "GET", body }: { method?: string; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers }, (response) => {
      let text = ""
      response.on("data", (piece: Buffer) => (text += piece.toString()))
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, text }))
    })
    asked.on("error", reject)
    asked.end(body)
  })
}

/** The page itself, where its address leads. */
async function read(page: Page): Promise<Answer> {
  const { headers } = await ask(page.url)
  return ask(new URL(String(headers["location"]), page.url).href)
}

const json = { "content-type": "application/json" }

test("the address with its token opens the page and leaves a cookie that no script and no other site gets", async () => {
  const page = await opened()
  const { location } = (await ask(page.url)).headers
  const { status, headers, text } = await read(page)
  expect(status).toBe(200)
  expect(text).toContain("<title>a run</title>")
  const { origin, port, searchParams } = new URL(page.url)
  const cookie = `sluice-${port}=${searchParams.get("token")}`
  const [, path] = /^(\/[\w-]{22}\/)\?token=/.exec(String(location))!
  expect(headers["set-cookie"]).toEqual([`${cookie}; HttpOnly; SameSite=Strict; Path=${path}`])
  expect(path).not.toContain(searchParams.get("token")!.slice(0, 8))
  expect((await ask(origin + path, { cookie })).text).toContain("<title>a run</title>")
  expect((await ask(origin + path)).status).toBe(401)
  expect(headers["content-security-policy"]).toContain("default-src 'none'")
  expect(headers["cache-control"]).toBe("no-store")
  expect((await ask(`${origin}/api/items`, { cookie: `other=1; ${cookie}` })).status).toBe(200)
  expect((await ask(`${origin}/api/items`, { authorization: `Bearer ${searchParams.get("token")}` })).status).toBe(200)
})

test.each(["/", "/api/items", "/api/items/0", "/api/items/0/asked", "/api/live", "/api/timeline", "/nowhere"])(
  "without the token %s tells nothing",
  async (path) => {
    const page = await opened()
    const { origin, port } = new URL(page.url)
    for (const headers of [{}, { cookie: `sluice-${port}=wrong` }, { authorization: "Bearer wrong" }]) {
      const { status, text } = await ask(`${origin}${path}`, headers)
      expect(status).toBe(401)
      expect(text).not.toContain("a run")
    }
    expect((await ask(`${origin}${path}?token=wrong`)).status).toBe(401)
  },
)

test("a vendor's key at the beginning of a line is shown nowhere, though in JSON it stands after a letter", async () => {
  const key = `sk-proj-${"a".repeat(24)}`
  const page = await opened({ title: `run\n${key}` })
  const says = (event: object): void => page.onEvent(event as SluiceEvent)
  const about = { runId: "r", node: "n", index: 0, spanId: 1 }
  says({ type: "run-start", runId: "r", flow: "n", atMs: 0 })
  says({ type: "item-start", ...about, atMs: 0 })
  const error = new Error(`the vendor said:\n${key}`)
  says({ type: "item-end", ...about, atMs: 1, status: "failed", attempts: 1, error })
  const { origin, searchParams } = new URL(page.url)
  const headers = { authorization: `Bearer ${searchParams.get("token")}` }
  const live = await fetch(`${origin}/api/live`, { headers })
  const reader = live.body!.getReader()
  const told = new TextDecoder().decode((await reader.read()).value)
  await reader.cancel()
  const shown = [told]
  for (const path of ["/", "/api/items", "/api/items/0"]) shown.push((await ask(`${origin}${path}`, headers)).text)
  expect(shown.map((text) => text.includes("[redacted]") && !text.includes(key))).toEqual([true, true, true, true])
})

test.each(["sluice.example", "127.0.0.1.example", "10.0.0.1", "evil.example:80"])(
  "a name that was made to lead here is refused: Host %s, though it has the token",
  async (host) => {
    const page = await opened()
    const answer = await ask(page.url, { host })
    expect(answer.status).toBe(403)
    expect(answer.text).not.toContain("<title>")
  },
)

test("another page may not ask: neither by Origin, nor from another port, nor in a frame", async () => {
  const page = await opened()
  const { port } = new URL(page.url)
  const strangers = [
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: `http://127.0.0.1:${Number(port) + 1}` },
    { "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors" },
    { "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors" },
  ]
  for (const headers of strangers) expect((await ask(page.url, headers)).status).toBe(403)
  const linked = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }
  expect((await ask(page.url, linked)).headers).toMatchObject({ "x-frame-options": "DENY" })
})

test("a control needs to come from the page itself", async () => {
  const done: string[] = []
  const page = await opened({
    controls: { pause: () => done.push("pause"), update: (limits) => done.push(JSON.stringify(limits)) },
  })
  const { origin, port, searchParams } = new URL(page.url)
  const cookie = `sluice-${port}=${searchParams.get("token")}`
  const post = (headers: Readonly<Record<string, string>>, body: object): Promise<Answer> =>
    ask(`${origin}/api/control`, { ...json, ...headers }, { method: "POST", body: JSON.stringify(body) })
  expect((await post({ cookie }, { action: "pause" })).status).toBe(403)
  expect((await post({ cookie, origin: "https://evil.example" }, { action: "pause" })).status).toBe(403)
  expect((await post({ origin }, { action: "pause" })).status).toBe(401)
  expect(done).toEqual([])
  expect((await post({ cookie, origin }, { action: "pause" })).status).toBe(200)
  expect(done).toEqual(["pause"])
  for (const wrong of [
    { action: "explode" },
    { action: "toString" },
    { action: "stop" },
    { action: "update" },
    { action: "update", changes: { requestsPerMinute: -1 } },
    { action: "update", changes: { requestsPerMinute: "5" } },
    { action: "update", changes: { concurrency: 1.5 } },
    { action: "update", changes: { clock: 1 } },
  ])
    expect((await post({ cookie, origin }, wrong)).status).toBe(400)
  expect(done).toEqual(["pause"])
  const plain = await ask(
    `${origin}/api/control`,
    { cookie, origin, "content-type": "text/plain" },
    { method: "POST", body: "{}" },
  )
  expect(plain.status).toBe(400)
})

test("the server listens on loopback alone, and what is asked for in its folders stays there", async () => {
  const page = await opened()
  const { hostname, origin, searchParams } = new URL(page.url)
  expect(hostname).toBe("127.0.0.1")
  const bearer = { authorization: `Bearer ${searchParams.get("token")}` }
  for (const path of [
    "/assets/../manifest.json",
    "/assets/%2e%2e/manifest.json",
    "/assets/..%2fmanifest.json",
    "/assets/x",
  ])
    expect((await ask(origin + path, bearer)).status).toBe(404)
})

test("keys are in nothing that is told: those that were named, and what looks like one", async () => {
  const page = await opened({ title: "with sk-proj-abcdefghijklmnop1234", secrets: ["hunter2hunter2"] })
  page.onEvent({ type: "warning", atMs: 1, code: "x", message: 'said "hunter2hunter2" and Bearer abcdefgh12345678' })
  const { text } = await read(page)
  expect(text).toContain("[redacted]")
  expect(text).not.toMatch(/abcdefghijklmnop1234|hunter2|abcdefgh12345678/)
})

test("what a run says ends no element of the page that it stands in", async () => {
  const page = await opened({ title: '</title><script>alert("x")</script>' })
  page.onEvent({ type: "warning", atMs: 1, code: "x", message: "</script><script>alert(1)</script><!--" })
  const { text } = await read(page)
  expect(text).not.toMatch(/<script>|<!--/)
})
