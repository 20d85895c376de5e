import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { limitedFetch } from "@sluice/providers"
import { expect, it } from "vitest"

setFlagsFromString("--expose-gc")
const collectGarbage = runInNewContext("gc") as () => void

const url = "https://api.openai.com/v1/chat/completions"
const init = (): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ model: "gpt-4o", stream: true, messages: [{ role: "user", content: "Hi" }] }),
})

/** Answers with a stream that begins and goes on without end, after so many failures. */
function failsThenStreams(failures: number): typeof fetch {
  let calls = 0
  return async () => {
    if (calls++ < failures) throw new TypeError("fetch failed", { cause: new Error("reset") })
    const event = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: "word" } }] })}\n\n`
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode(event)),
    })
    return new Response(body, { headers: { "content-type": "text/event-stream" } })
  }
}

it.each([0, 1, 3])(
  "a stream that nobody reads gives its place back once it is dropped, also after %i failures",
  async (failures) => {
    const call = limitedFetch({
      fetch: failsThenStreams(failures),
      concurrency: 2,
      retry: { backoff: { initialMs: 1, maxMs: 1 } },
    })
    // In a function of its own: nothing here holds the answer.
    const drop = async (): Promise<void> => void (await call(url, init()))
    await drop()
    expect(inFlight(call)).toBe(1)
    for (let turn = 0; turn < 50 && inFlight(call) > 0; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      collectGarbage()
    }
    expect(inFlight(call)).toBe(0)
  },
)

function inFlight(call: ReturnType<typeof limitedFetch>): number {
  return call.snapshot().reduce((sum, { inFlight }) => sum + inFlight, 0)
}
