import type { SluiceEvent } from "@sluice/core"
import { VirtualClock } from "@sluice/lab"
import { limitedFetch, type LimitedFetch, type LimitedFetchOptions } from "../src/index.ts"

export interface SentCall {
  readonly url: string
  readonly init: RequestInit
  readonly atMs: number
  readonly body: Record<string, unknown>
}

/** Answers the nth call (0-based). */
export type Script = (n: number, call: SentCall) => Response | Promise<Response>

export interface Bench {
  readonly clock: VirtualClock
  readonly fetch: LimitedFetch
  readonly sent: SentCall[]
  readonly events: SluiceEvent[]
  /** One chat completion. */
  readonly chat: (over?: {
    model?: string
    key?: string
    signal?: AbortSignal
    body?: object
    url?: string
  }) => Promise<Response>
}

/** A `limitedFetch` over a scripted `fetch`, in virtual time. */
export function bench(script: Script, options: LimitedFetchOptions = {}): Bench {
  const clock = new VirtualClock({ wallMs: Date.parse("2026-11-24T10:00:00Z") })
  const sent: SentCall[] = []
  const events: SluiceEvent[] = []
  const fetch = limitedFetch({
    clock,
    random: { next: () => 0.5 },
    onEvent: (event) => events.push(event),
    ...options,
    fetch: async (input, init = {}) => {
      const url = input instanceof Request ? input.url : String(input)
      const text = init.body ?? (input instanceof Request ? await input.clone().text() : undefined)
      const bytes = text instanceof Uint8Array ? new TextDecoder().decode(text) : text
      const call = {
        url,
        init,
        atMs: clock.now(),
        body: typeof bytes === "string" && bytes !== "" ? JSON.parse(bytes) : {},
      }
      sent.push(call)
      const answer = Promise.resolve(script(sent.length - 1, call))
      if (!init.signal) return answer
      const signal = init.signal
      return Promise.race([
        answer,
        new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
      ])
    },
  })
  return {
    clock,
    fetch,
    sent,
    events,
    chat: ({
      model = "gpt-5-mini",
      key = "sk-secret",
      signal,
      body,
      url = "https://api.openai.com/v1/chat/completions",
    } = {}) =>
      fetch(url, {
        method: "POST",
        headers: { Authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: JSON.stringify({ model, messages: [{ role: "user", content: "a secret prompt" }], ...body }),
        ...(signal ? { signal } : {}),
      }),
  }
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } })
}

export function completion(
  usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
  headers: Record<string, string> = {},
): Response {
  return json(200, { id: "chatcmpl-1", choices: [{ message: { role: "assistant", content: "hi" } }], usage }, headers)
}

export function openaiError(
  status: number,
  code: string,
  headers: Record<string, string> = {},
  message = code,
): Response {
  return json(status, { error: { code, type: code, message, param: null } }, headers)
}

/** A stream of the given pieces; `gate` is awaited before each piece after the first. */
export function eventStream(
  pieces: readonly string[],
  gate?: (n: number) => Promise<void>,
  onCancel?: () => void,
): Response {
  const encoder = new TextEncoder()
  let n = 0
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (n > 0) await gate?.(n)
        if (n === pieces.length) controller.close()
        else controller.enqueue(encoder.encode(pieces[n++]))
      },
      cancel: () => onCancel?.(),
    },
    { highWaterMark: 0 },
  )
  return new Response(body, { headers: { "content-type": "text/event-stream" } })
}

/** Calls that hold a permit now, over all quotas. */
export const inFlight = (fetch: LimitedFetch): number => fetch.snapshot().reduce((sum, one) => sum + one.inFlight, 0)
