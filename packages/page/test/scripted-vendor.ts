import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { onTestFinished } from "vitest"

export interface ScriptedVendor {
  readonly url: string
  /** Prompts that came, in order. */
  readonly prompts: string[]
  /** Calls that are held. */
  readonly held: (() => void)[]
  /** Whether calls are held until `release`. */
  isHolding: boolean
  /** Answers what is held, and holds no more. */
  release(): void
  /** The answer to prompts with "long" in them. */
  longAnswer: string
  /** Whether prompts with "bad" in them are refused. */
  isBad: boolean
}

/** A vendor that answers with the prompt, when it is let. */
export async function scriptedVendor(): Promise<ScriptedVendor> {
  const server = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on("data", (piece: Buffer) => pieces.push(piece))
    request.on("end", () => answer(Buffer.concat(pieces).toString(), response))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const vendor: ScriptedVendor = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    prompts: [],
    held: [],
    isHolding: false,
    isBad: true,
    longAnswer: "",
    release() {
      vendor.isHolding = false
      for (const go of vendor.held.splice(0)) go()
    },
  }
  function answer(text: string, response: ServerResponse): void {
    const body = JSON.parse(text) as { messages: { content: string }[] }
    const prompt = body.messages.at(-1)?.content ?? ""
    vendor.prompts.push(prompt)
    const go = (): void => {
      const isBad = vendor.isBad && prompt.includes("bad")
      const id = `req_${vendor.prompts.length}`
      response.writeHead(isBad ? 400 : 200, { "content-type": "application/json", "x-request-id": id })
      response.end(
        JSON.stringify(
          isBad
            ? { error: { message: "no such thing", type: "invalid_request_error" } }
            : completion(prompt.includes("long") ? vendor.longAnswer : prompt),
        ),
      )
    }
    if (vendor.isHolding) vendor.held.push(go)
    else go()
  }
  return vendor
}

function completion(content: string): object {
  return {
    id: "chatcmpl-1",
    object: "chat.completion",
    model: "gpt-5-mini",
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
    usage: { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 },
  }
}
