import { setMaxListeners } from "node:events"
import type { Clock } from "@sluice/core"
import { limitedFetch } from "@sluice/providers"
import { createVirtualVendor, seededRandom, VirtualClock, type VirtualAnswer, type VirtualVendor } from "@sluice/lab"
import { type LoadCounts, noCounts, runLoad } from "./load.ts"
import { type Sample, sampleOf } from "./sample.ts"

export interface SoakResult {
  readonly samples: readonly Sample[]
  /** When everything had ended. */
  readonly end: Sample
  readonly counts: LoadCounts
  readonly seconds: number
}

const sampleEveryMs = 600_000

/** Hours of traffic in minutes: the vendor, its network and every wait on a virtual clock. */
export async function virtualSoak(hours: number): Promise<SoakResult> {
  const startedMs = performance.now()
  const clock = new VirtualClock()
  const random = seededRandom(8)
  const untilMs = hours * 3_600_000
  // A new one each half hour: its own memory of every call is not what is measured.
  let vendor = newVendor(clock, 0)
  const fetch = limitedFetch({
    clock,
    random,
    requestsPerMinute: 120,
    idleTimeoutMs: 60_000,
    timeoutMs: 60_000,
    fetch: (_input, init) => answered(clock, vendor, init ?? {}),
  })
  const counts = noCounts()
  const { signal } = new AbortController()
  setMaxListeners(0, signal)
  const load = { fetch, url: "https://api.openai.com/v1/chat/completions", clock, random, counts, untilMs, signal }
  const done = runLoad({ ...load, workers: 12, thinkMs: 4_000, burstMs: 60_000 })
  const samples: Sample[] = []
  for (let atMs = sampleEveryMs; atMs <= untilMs; atMs += sampleEveryMs) {
    await clock.advance(sampleEveryMs)
    if (atMs % 1_800_000 === 0) vendor = newVendor(clock, atMs)
    samples.push(await sampleOf(fetch, signal, atMs, clock.pending))
  }
  await clock.run(done)
  // Streams that nobody read are let go once they have been silent for too long.
  for (let minute = 0; minute < 15; minute++) {
    await clock.advance(60_000)
    await sampleOf(fetch, signal, 0)
  }
  const end = await sampleOf(fetch, signal, clock.now(), clock.pending)
  return { samples, end, counts, seconds: (performance.now() - startedMs) / 1000 }
}

function newVendor(clock: Clock, seed: number): VirtualVendor {
  return createVirtualVendor({
    clock,
    seed: seed + 1,
    networkMs: 20,
    networkJitterMs: 20,
    limits: { requests: 400, concurrency: { limit: 60, status: 503 } },
    latency: { baseMs: 400, perOutputTokenMs: 10, heavyTail: 0.5 },
    faults: {
      rates: { error500: 0.01, reset: 0.01, error503: 0.01, hang: 0.001 },
      schedule: [{ kind: "outage", fromMs: 600_000, toMs: 620_000 }],
    },
  })
}

/** The vendor's answer as HTTP has it: JSON, or events in five pieces over two seconds. */
async function answered(clock: Clock, vendor: VirtualVendor, init: RequestInit): Promise<Response> {
  const { stream } = JSON.parse(init.body as string) as { stream: boolean }
  const answer = await vendor.call({
    inputTokens: 50,
    outputTokens: 60,
    ...(init.signal ? { signal: init.signal } : {}),
  })
  const { status, retryAfterMs } = answer
  const headers = {
    ...headersOf(answer),
    ...(retryAfterMs === undefined ? {} : { "retry-after-ms": String(retryAfterMs) }),
  }
  const usage = { prompt_tokens: 50, completion_tokens: 60, total_tokens: 110 }
  if (status !== 200) {
    const error = {
      message: answer.refusal?.message ?? "The server had an error.",
      type: status === 429 ? "requests" : "server_error",
      code: status === 429 ? "rate_limit_exceeded" : null,
    }
    return Response.json({ error }, { status, headers })
  }
  const message = {
    choices: [{ index: 0, message: { role: "assistant", content: "word ".repeat(40) }, finish_reason: "stop" }],
  }
  return stream
    ? eventsOf(clock, usage, headers, init.signal ?? undefined)
    : Response.json({ ...message, usage }, { headers })
}

function headersOf({ limits = [] }: VirtualAnswer): Record<string, string> {
  return Object.fromEntries(
    limits.flatMap(({ dimension, limit, remaining, resetMs }) => [
      [`x-ratelimit-limit-${dimension}`, String(limit)],
      [`x-ratelimit-remaining-${dimension}`, String(remaining)],
      [`x-ratelimit-reset-${dimension}`, `${resetMs ?? 0}ms`],
    ]),
  ) as Record<string, string>
}

function eventsOf(
  clock: Clock,
  usage: object,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
): Response {
  const encoder = new TextEncoder()
  const event = (data: object): Uint8Array<ArrayBuffer> => encoder.encode(`data: ${JSON.stringify(data)}\n\n`)
  let sent = 0
  let cancel = (): void => undefined
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: (controller) =>
      new Promise<void>((resolve, reject) => {
        const leave = (): void => {
          cancel()
          reject(signal?.reason as Error)
        }
        if (signal?.aborted) return leave()
        signal?.addEventListener("abort", leave, { once: true })
        cancel = clock.setTimer(400, () => {
          signal?.removeEventListener("abort", leave)
          if (sent++ < 5) controller.enqueue(event({ choices: [{ index: 0, delta: { content: "word ".repeat(8) } }] }))
          else {
            controller.enqueue(event({ choices: [], usage }))
            controller.enqueue(encoder.encode("data: [DONE]\n\n"))
            controller.close()
          }
          resolve()
        })
      }),
    cancel: () => cancel(),
  })
  return new Response(body, { headers: { ...headers, "content-type": "text/event-stream" } })
}
