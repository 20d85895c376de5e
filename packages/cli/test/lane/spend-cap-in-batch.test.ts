import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { startVendor } from "@sluice/lab"
import { expect, onTestFinished, test, vi } from "vitest"
import { fastClock } from "../command/fast-clock.ts"
import { linesOf, sluice, temporaryFolder } from "../command/sluice.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const count = 12
const paid = 4
const env = {
  OPENAI_API_KEY: "key-of-a-test-1",
  ANTHROPIC_API_KEY: "key-of-a-test-2",
  GOOGLE_GENERATIVE_AI_API_KEY: "key-of-a-test-3",
}
const message = "Your credit balance is too low to access the API."

/** The results of a batch whose money ran out after the first rows: a file of lines, or Gemini's job. */
function withoutMoney(text: string): string {
  if (text.includes("inlinedResponses")) {
    const job = JSON.parse(text) as { metadata: { output: { inlinedResponses: { inlinedResponses: object[] } } } }
    const { output } = job.metadata
    output.inlinedResponses.inlinedResponses = output.inlinedResponses.inlinedResponses.map((row, nth) =>
      nth < paid ? row : { metadata: (row as { metadata: object }).metadata, error: { code: 9, message } },
    )
    return JSON.stringify(job)
  }
  const error = { type: "invalid_request_error", message }
  return text
    .trimEnd()
    .split("\n")
    .map((line, nth) => {
      const row = JSON.parse(line) as { custom_id: string; result?: object }
      if (nth < paid) return `${line}\n`
      const refused = row.result
        ? { result: { type: "errored", error: { type: "error", error } } }
        : { response: { status_code: 400, body: { error } } }
      return `${JSON.stringify({ custom_id: row.custom_id, ...refused })}\n`
    })
    .join("")
}

/** Lab's vendor behind a door at which the money has run out, until `pay` is called. */
async function brokeVendor(): Promise<{ url: string; created: () => number; online: () => number; pay: () => void }> {
  const vendor = await startVendor({
    latency: { baseMs: 0, perOutputTokenMs: 0 },
    answer: "echo",
    batch: { validatingMs: 5, processingMs: 40, finalizingMs: 5 },
  })
  let isBroke = true
  let created = 0
  const results = new Map<string, string>()
  const pass = async (request: IncomingMessage, body: Buffer, response: ServerResponse): Promise<void> => {
    const { method = "GET", url = "/", headers: had } = request
    if (method === "POST" && /\/batches$|:batchGenerateContent$/.test(url)) created++
    const headers = new Headers(Object.entries(had).map(([key, value]) => [key, String(value)]))
    for (const own of ["host", "connection", "content-length", "transfer-encoding", "expect"]) headers.delete(own)
    const answer = await fetch(new URL(url, vendor.url), { method, headers, ...(body.length > 0 ? { body } : {}) })
    const text = (await answer.text()).replaceAll(vendor.url, `http://${had.host}`)
    const isResult = /\/content$|\/results$/.test(url) || text.includes("inlinedResponses")
    response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "text/plain" })
    // What a batch has brought it brings for good.
    if (isResult && method === "GET" && !results.has(url)) results.set(url, isBroke ? withoutMoney(text) : text)
    response.end(results.get(url) ?? text)
  }
  const door = createServer((request, response) => {
    void request.toArray().then((chunks) => pass(request, Buffer.concat(chunks as Buffer[]), response))
  })
  await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve))
  onTestFinished(async () => {
    door.closeAllConnections()
    await new Promise((resolve) => door.close(resolve))
    await vendor.stop()
  })
  return {
    url: `http://127.0.0.1:${(door.address() as AddressInfo).port}`,
    created: () => created,
    online: () => vendor.stats().arrived,
    pay: () => void (isBroke = false),
  }
}

test.each([
  ["openai:gpt-5-mini", "/v1"],
  ["anthropic:claude-haiku-4-5", "/v1"],
  ["google:gemini-2.5-flash", "/v1beta"],
])(
  "%s --lane batch, a spend cap as rows of the result: one batch, the run ends with that error, nothing counts as failed, and the same command goes on",
  async (model, path) => {
    const vendor = await brokeVendor()
    const folder = temporaryFolder()
    const out = join(folder, "out.jsonl")
    const lines = Array.from({ length: count }, (_, id) => `${JSON.stringify({ id, text: `word ${id}` })}\n`)
    writeFileSync(join(folder, "in.jsonl"), lines.join(""))
    const args = ["run", join(folder, "in.jsonl"), "-p", "Say {{text}}.", "-m", model, "-o", out]
    const command = [...args, "--base-url", vendor.url + path, "--lane", "batch", "--max-output-tokens", "50"]
    const run = () => sluice(command, { env, clock: fastClock(100) })

    const broke = await run()
    expect([broke.code, vendor.created(), vendor.online()]).toEqual([3, 1, 0])
    expect(broke.stderr).toContain(message)
    expect(broke.stderr).toContain("The same command goes on from here.")
    const answered = linesOf(out).map(({ index }) => index)
    expect(answered.length).toBeLessThanOrEqual(paid)
    expect(linesOf(`${out}.failed.jsonl`)).toEqual([])

    // As long as nobody has paid it ends the same way, with one more batch, in which nothing that was answered is.
    const again = await run()
    expect([again.code, vendor.created(), vendor.online()]).toEqual([3, 2, 0])
    expect(linesOf(`${out}.failed.jsonl`)).toEqual([])

    vendor.pay()
    expect((await run()).code).toBe(0)
    expect([vendor.created(), vendor.online()]).toEqual([3, 0])
    expect(linesOf(out).map(({ index }) => index)).toEqual(Array.from({ length: count }, (_, index) => index))
    expect(linesOf(`${out}.failed.jsonl`)).toEqual([])
  },
)
