import { createServer } from "node:http"
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import OpenAI from "openai"
import { mapAll, openaiOptions, withCall } from "sluice"
import { startVendor } from "@sluice/lab"

// A simulated vendor, so that this runs without a key: 20 calls a second.
const vendor = await startVendor({ limits: { requests: { limit: 1_200, burst: 20 } }, answer: { text: "Hello." } })
const limits = openaiOptions({ requestsPerMinute: { limit: 1_200, kind: "bucket", burst: 5 } })
const openai = new OpenAI({ ...limits, baseURL: `${vendor.url}/v1`, apiKey: "no key needed here" })

async function ask(content: string, signal?: AbortSignal): Promise<string> {
  const messages = [{ role: "user" as const, content }]
  const answer = await openai.chat.completions.create(
    { model: "gpt-5-mini", max_completion_tokens: 20, messages },
    { signal },
  )
  return answer.choices[0]?.message.content ?? ""
}

// Every request of the server goes before the batch. What its calls take along never reaches the vendor.
const server = createServer((request, response) => {
  void withCall({ priority: 1 }, () => ask(request.url ?? "")).then((text) => response.end(text))
})
server.listen(0, "127.0.0.1")
await once(server, "listening")
const { port } = server.address() as AddressInfo

const ended: string[] = []
const batch = mapAll(
  Array.from({ length: 60 }, (_, index) => `Document ${index}`),
  async (text, { signal }) => {
    await ask(text, signal)
    ended.push("document")
  },
)
await new Promise((resolve) => setTimeout(resolve, 200))
const people = mapAll(["/ana", "/bo", "/cy"], async (path) => {
  await (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  ended.push("person")
})
await Promise.all([batch, people])

const last = ended.lastIndexOf("person")
process.stdout.write(
  `${ended.length} answers; the last person had theirs ${last < 40 ? "while" : "after"} the batch ran.\n`,
)
const { answered, refused } = vendor.stats()
process.stdout.write(`The vendor answered ${answered} calls and refused ${refused}.\n`)
server.close()
await limits.fetch.close()
await vendor.stop()
