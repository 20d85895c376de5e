import { writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { linesOf, sluice, temporaryFolder } from "../command/sluice.ts"

interface Dispatcher {
  dispatch(options: object, handler: unknown): unknown
}
const inUse = Symbol.for(`undici.globalDispatcher.${Number.parseInt(process.versions["undici"]!, 10) >= 8 ? 2 : 1}`)
const node = globalThis as { [inUse]?: Dispatcher }

test("an answer that takes longer than undici's own limits is waited for: --timeout is what counts", async () => {
  void Request
  const before = node[inUse]!
  // What undici does after 300 s, after 100 ms; its timers have a resolution of about a second.
  const dispatch = (options: object, handler: unknown): unknown =>
    before.dispatch({ headersTimeout: 100, bodyTimeout: 100, ...options }, handler)
  node[inUse] = { dispatch }
  onTestFinished(() => void (node[inUse] = before))
  let calls = 0
  const answer =
    '{"id":"a","model":"x","choices":[{"message":{"role":"assistant","content":"fine"},"finish_reason":"stop"}]}'
  const server = createServer((_request, response) => {
    calls++
    setTimeout(() => response.writeHead(200, { "content-type": "application/json" }).end(answer), 2_500)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => void server.close())
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  const folder = temporaryFolder()
  const out = join(folder, "out.jsonl")
  writeFileSync(join(folder, "in.txt"), "one\n")
  const model = ["-m", "openai-compatible:x", "--base-url", base]
  const env = { OPENAI_COMPATIBLE_API_KEY: "k" }
  const { code, stderr } = await sluice(["run", join(folder, "in.txt"), "-p", "{{text}}", ...model, "-o", out], { env })
  expect([code, calls], stderr).toEqual([0, 1])
  expect(linesOf(out)).toMatchObject([{ output: "fine" }])
}, 60_000)
