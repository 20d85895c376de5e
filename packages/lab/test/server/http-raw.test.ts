import { connect } from "node:net"
import fc from "fast-check"
import { expect, test } from "vitest"
import { post, vendorFor } from "./started-vendor.ts"

// Bytes as no HTTP client sends them.

const call = { model: "m", messages: [{ role: "user", content: "hello" }] }
const path = "/v1/chat/completions"

/** What is answered to these bytes until the connection closes; the sender says no more after them. */
function answerTo(port: number, bytes: Uint8Array | string): Promise<string> {
  return new Promise((resolve) => {
    let said = ""
    const socket = connect(port, "127.0.0.1", () => socket.end(bytes))
    socket.on("data", (chunk) => (said += chunk.toString("latin1")))
    // Torn down by the vendor is an answer too.
    socket.on("error", () => {})
    socket.on("close", () => resolve(said))
  })
}

const body = JSON.stringify(call)
const head = (rest: string): string => `POST ${path} HTTP/1.1\r\nhost: localhost\r\n${rest}\r\n\r\n`

const nonsense = fc.oneof(
  fc.uint8Array({ maxLength: 600 }),
  // A line of a request, then anything.
  fc
    .tuple(fc.constantFrom("GET", "POST", "PUT", "FOO", ""), fc.webPath(), fc.string({ maxLength: 100 }))
    .map(([method, target, rest]) => `${method} ${target} HTTP/1.1\r\n${rest}\r\n\r\n`),
  // A right head, a body that does not keep what it promises.
  fc
    .tuple(fc.integer({ min: -5, max: 2 * body.length }), fc.string({ maxLength: 2 * body.length }))
    .map(([length, sent]) => head(`connection: close\r\ncontent-length: ${length}`) + sent),
  fc
    .array(fc.tuple(fc.integer({ min: -1, max: 300 }), fc.string({ maxLength: 50 })), { maxLength: 4 })
    .map((chunks) =>
      chunks.reduce(
        (sent, [length, chunk]) => `${sent}${length.toString(16)}\r\n${chunk}\r\n`,
        head("connection: close\r\ntransfer-encoding: chunked"),
      ),
    ),
)

test("whatever bytes come, the vendor answers 4xx or hangs up, and lives on", async () => {
  const { port, url, stats } = await vendorFor()
  await fc.assert(
    fc.asyncProperty(nonsense, async (bytes) => {
      const said = await answerTo(port, bytes)
      if (said !== "") expect(said.slice(0, 12)).toMatch(/^HTTP\/1\.1 4\d\d$/)
    }),
    { numRuns: 150 },
  )
  expect((await post(url + path, call)).status).toBe(200)
  expect(stats()).toMatchObject({ arrived: 1, answered: 1, inFlight: 0 })
}, 60_000)

test("a head without end is cut off, and a body beyond the limit is not read to its end", async () => {
  const { port, url } = await vendorFor({ maxBodyBytes: 1_000 })
  expect(await answerTo(port, head(`x-long: ${"x".repeat(100_000)}`))).toMatch(/^HTTP\/1\.1 431/)
  expect(await answerTo(port, head("content-length: 99999999999"))).toMatch(/^HTTP\/1\.1 413/)
  const endless = `7d0\r\n${"x".repeat(2_000)}\r\n`
  expect(await answerTo(port, head("transfer-encoding: chunked") + endless)).toMatch(/^HTTP\/1\.1 413/)
  const form = new FormData()
  form.set("purpose", "batch")
  form.set("file", new Blob(["x".repeat(2_000)]), "large.jsonl")
  expect((await fetch(`${url}/v1/files`, { method: "POST", body: form })).status).toBe(413)
})
