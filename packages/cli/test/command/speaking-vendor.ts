import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { onTestFinished } from "vitest"

/** What a server says to one call: an answer's text, a choice of its own, or a refusal. */
export type Said = string | { readonly choice: Readonly<Record<string, unknown>> } | Refusal

interface Refusal {
  readonly status: number
  readonly message: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface Heard {
  readonly model?: string
  readonly messages: readonly { readonly role: string; readonly content: string }[]
  readonly response_format?: { readonly type: string; readonly json_schema?: unknown }
}

/** A server that speaks OpenAI's chat format word for word as a test wants it: what a vendor's simulator would not say. */
export async function speakingVendor(
  say: (heard: Heard, call: number) => Said | Promise<Said>,
): Promise<{ readonly url: string; readonly heard: Heard[]; readonly args: string[] }> {
  const { url, heard } = await jsonServer<Heard>(async (body, call) => {
    const said = await say(body, call)
    const isRefusal = typeof said === "object" && "status" in said
    return isRefusal ? { ...said, body: refusal(said) } : { body: answer(said) }
  })
  return { url, heard, args: ["-m", "openai-compatible:x", "--base-url", `${url}/v1`] }
}

interface Reply {
  /** A text is sent as it is, everything else as JSON. */
  readonly body: unknown
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** A server that answers what it is told to, whatever the path. */
export async function jsonServer<Body>(
  reply: (body: Body, call: number) => Reply | Promise<Reply>,
): Promise<{ readonly url: string; readonly heard: Body[]; readonly paths: string[]; readonly texts: string[] }> {
  const [heard, paths, texts]: [Body[], string[], string[]] = [[], [], []]
  const server = createServer((request, response) => {
    void request.toArray().then(async (chunks) => {
      const sent = Buffer.concat(chunks as Buffer[]).toString()
      const body = JSON.parse(sent) as Body
      texts.push(sent)
      heard.push(body)
      paths.push(request.url ?? "")
      const { status = 200, headers, body: text } = await reply(body, heard.length)
      response.writeHead(status, { "content-type": "application/json", "x-request-id": "req-7", ...headers })
      response.end(typeof text === "string" ? text : JSON.stringify(text))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, heard, paths, texts }
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
