import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { onTestFinished } from "vitest"

/** What a server says to one call: an answer's text, a choice of its own, or a refusal. */
export type Said = string | { readonly choice: Readonly<Record<string, unknown>> } | Refusal

interface Refusal {
  readonly status: number
  readonly message: string
}

export interface Heard {
  readonly messages: readonly { readonly role: string; readonly content: string }[]
  readonly response_format?: { readonly type: string; readonly json_schema?: unknown }
}

/** A server that speaks OpenAI's chat format word for word as a test wants it: what a vendor's simulator would not say. */
export async function speakingVendor(
  say: (heard: Heard, call: number) => Said,
): Promise<{ readonly url: string; readonly heard: Heard[]; readonly args: string[] }> {
  const heard: Heard[] = []
  const server = createServer((request, response) => {
    void request.toArray().then((chunks) => {
      const body = JSON.parse(Buffer.concat(chunks as Buffer[]).toString()) as Heard
      heard.push(body)
      const said = say(body, heard.length)
      const isRefusal = typeof said === "object" && "status" in said
      response.writeHead(isRefusal ? said.status : 200, { "content-type": "application/json", "x-request-id": "req-7" })
      response.end(JSON.stringify(isRefusal ? refusal(said) : answer(said)))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, heard, args: ["-m", "openai-compatible:x", "--base-url", `${url}/v1`] }
}

function refusal({ message }: Refusal): unknown {
  return { error: { message, type: "invalid_request_error" } }
}

function answer(said: Exclude<Said, Refusal>): unknown {
  const choice = typeof said === "string" ? { message: { role: "assistant", content: said } } : said.choice
  return {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1,
    model: "x-2026",
    choices: [{ index: 0, finish_reason: "stop", ...choice }],
    usage: { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 },
  }
}
