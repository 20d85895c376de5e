import Anthropic from "@anthropic-ai/sdk"
import { systemClock } from "@sluice/scheduler"
import OpenAI from "openai"
import { describe, expect, it, vi } from "vitest"
import { anthropicBatches, type BatchVendor, openaiBatches } from "../../src/index.ts"
import { anthropicHttp } from "../../src/vendor-batch/vendors/anthropic-http.ts"
import { batchHttp } from "../../src/vendor-batch/vendors/batch-http.ts"
import { jsonRows } from "../../src/vendor-batch/vendors/json-rows.ts"
import { openaiHttp } from "../../src/vendor-batch/vendors/openai-http.ts"
import { scriptedServer } from "../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const httpTo = (url: string, timeoutMs = 60_000): ReturnType<typeof batchHttp> =>
  batchHttp({
    vendor: "a vendor",
    fetch: globalThis.fetch,
    headers: new Headers({ "x-api-key": "sk-secret", "api-key": "sk-secret" }),
    clock: systemClock,
    timeoutMs,
  })
const below =
  (url: string) =>
  (path: string): URL =>
    new URL(`/v1${path}`, url)
const vendors: Record<string, (url: string) => BatchVendor> = {
  "OpenAI's SDK": (url) => openaiBatches(new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", maxRetries: 0 })),
  "OpenAI's files by HTTP": (url) => openaiBatches(openaiHttp(httpTo(url), below(url))),
  "Anthropic's SDK": (url) => anthropicBatches(new Anthropic({ baseURL: url, apiKey: "k", maxRetries: 0 })),
  "Anthropic's results by HTTP": (url) => anthropicBatches(anthropicHttp(httpTo(url), below(url))),
}
const row = (name: string, custom_id: string): string =>
  `${JSON.stringify(
    name.startsWith("OpenAI")
      ? { custom_id, response: { status_code: 200, body: { choices: [] } } }
      : { custom_id, result: { type: "succeeded", message: { content: [] } } },
  )}\n`
const isFile = (path: string): boolean => path.endsWith("/content") || path.endsWith("/results")

describe.each(Object.entries(vendors))("%s", (name, open) => {
  it("a result is there before the file has ended, and rows that cannot be read are left out", async () => {
    const release = Promise.withResolvers<void>()
    const broken =
      name === "Anthropic's SDK"
        ? ["{}\n", '{"custom_id":"x"}\n', '{"custom_id":"x","result":null}\n']
        : ["no JSON\n", "\n", "null\n", "[]\n", '{"custom_id":7}\n', '{"custom_id":"x","result":null}\n']
    const server = await scriptedServer((_n, response, request) => {
      if (!isFile(request.url!)) {
        const batch = { id: "b", status: "completed", output_file_id: "f", results_url: `${server.url}/v1/b/results` }
        response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(batch))
        return
      }
      response.writeHead(200, { "content-type": "application/x-jsonl" })
      response.write(row(name, "first") + broken.join(""))
      void release.promise.then(() => response.end(row(name, "last").trimEnd()))
    })
    const results = open(server.url).results("b")[Symbol.asyncIterator]()
    expect((await results.next()).value).toMatchObject({ customId: "first", status: "ok" })
    release.resolve()
    const rest: unknown[] = []
    for (let next = await results.next(); !next.done; next = await results.next()) rest.push(next.value.customId)
    // OpenAI's row without an answer is one that failed.
    expect(rest.filter((id) => id !== "x")).toEqual(["last"])
  })
})

it("one row is held, however long the file: what is too long is left out", async () => {
  const encoder = new TextEncoder()
  const piece = encoder.encode("x".repeat(1_000_000))
  let mostBytes = 0
  async function* file(): AsyncGenerator<Uint8Array> {
    yield encoder.encode('{"n":1}\n{"n"')
    yield encoder.encode(":2}\n")
    for (let count = 0; count < 200; count++) {
      yield piece
      if (count % 20 === 0) mostBytes = Math.max(mostBytes, process.memoryUsage().rss)
    }
    yield encoder.encode('\n{"n":"é')
    // The border of two chunks inside a character.
    yield encoder.encode("é").subarray(0, 1)
    yield encoder.encode("é").subarray(1)
    yield encoder.encode('"}')
  }
  const before = process.memoryUsage().rss
  expect(await Array.fromAsync(jsonRows(file()))).toEqual([{ n: 1 }, { n: 2 }, { n: "éé" }])
  expect(mostBytes - before).toBeLessThan(180_000_000)
})

it("a file that falls silent is an error, one that is only slow is not", async () => {
  const server = await scriptedServer((n, response) => {
    let left = 4
    const more = (): void => {
      response.write(row("OpenAI", `${left}`))
      if (--left > 0) setTimeout(more, 150)
      else if (n === 0) response.end()
    }
    more()
  })
  const read = (): Promise<unknown[]> =>
    Array.fromAsync(jsonRows(httpTo(server.url, 400).chunks(below(server.url)("/files/f/content"))))
  expect(await read()).toHaveLength(4)
  await expect(read()).rejects.toMatchObject({ name: "TimeoutError" })
})

it("a key leaves its origin neither with an order nor with a file", async () => {
  const seen: unknown[] = []
  const elsewhere = await scriptedServer((_n, response, request) => {
    seen.push(request.headers["x-api-key"], request.headers["api-key"])
    response.end('{"n":1}\n')
  })
  const server = await scriptedServer((_n, response) => {
    response.writeHead(307, { location: `${elsewhere.url}/file` }).end()
  })
  const http = httpTo(server.url)
  const at = below(server.url)
  expect(await Array.fromAsync(jsonRows(http.chunks(at("/files/f/content"))))).toEqual([{ n: 1 }])
  expect(seen).toEqual([undefined, undefined])
  await expect(http.json("POST", at("/batches"), { a: "prompt" })).rejects.toMatchObject({ code: "vendor-refused" })
  await expect(http.upload(at("/files"), new FormData())).rejects.toMatchObject({ code: "vendor-refused" })
  expect(elsewhere.calls).toHaveLength(1)
  expect(server.calls).toHaveLength(3)
})
