/**
 * What `limitedFetch` costs over bare `fetch`: the same calls to a server on loopback (a process of its own), the two
 * interleaved in rounds, each call with a signal of its own, as every SDK makes it. Prints medians with their spread, and the CPU of this process per call.
 *
 *   node --conditions=@sluice/source packages/providers/bench/limited-fetch.ts
 */
import { fork } from "node:child_process"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { limitedFetch } from "../src/index.ts"

const latencyMs = 20
const rounds = 15
const callsPerRound = 2000
const answer = JSON.stringify({
  id: "chatcmpl-1",
  object: "chat.completion",
  model: "gpt-5-mini",
  choices: [{ index: 0, message: { role: "assistant", content: "word ".repeat(200) }, finish_reason: "stop" }],
  usage: { prompt_tokens: 300, completion_tokens: 200, total_tokens: 500 },
})
const headers = {
  "content-type": "application/json",
  "x-ratelimit-limit-requests": "10000000",
  "x-ratelimit-remaining-requests": "9999999",
  "x-ratelimit-reset-requests": "6ms",
  "x-ratelimit-limit-tokens": "1000000000",
  "x-ratelimit-remaining-tokens": "999999000",
  "x-ratelimit-reset-tokens": "0s",
}

if (process.send) serve()
else await measure()

function serve(): void {
  const server = createServer((request, response) => {
    request.resume()
    request.on("end", () => {
      if (request.url === "/v1/responses") {
        response.writeHead(200, { "content-type": "text/event-stream" })
        response.write('data: {"choices":[{"delta":{"content":"a"}}]}\n\n')
        response.end("data: [DONE]\n\n")
      } else setTimeout(() => response.writeHead(200, headers).end(answer), latencyMs)
    })
  })
  server.listen(0, "127.0.0.1", () => process.send!((server.address() as AddressInfo).port))
}

async function measure(): Promise<void> {
  const child = fork(new URL(import.meta.url), { execArgv: process.execArgv })
  const port = await new Promise<number>((resolve) => child.once("message", (message) => resolve(message as number)))
  const body = JSON.stringify({
    model: "gpt-5-mini",
    messages: [{ role: "user", content: "Summarise this. ".repeat(75) }],
  })
  const init = { method: "POST", headers: { authorization: "Bearer k", "content-type": "application/json" }, body }
  const limited = limitedFetch({
    requestsPerMinute: { limit: 1e9, kind: "bucket" },
    tokensPerMinute: { limit: 1e12, kind: "bucket" },
  })
  const url = `http://127.0.0.1:${port}/v1/chat/completions`
  const streamUrl = `http://127.0.0.1:${port}/v1/responses`

  for (const inFlight of [1, 100]) {
    const calls = inFlight === 1 ? 60 : callsPerRound
    const bare: Sample[] = []
    const ours: Sample[] = []
    for (let round = -2; round < rounds; round++) {
      const pair = [
        await load(fetch, calls, inFlight, url, init),
        await load(limited, calls, inFlight, url, init),
      ] as const
      if (round >= 0) {
        bare.push(pair[0])
        ours.push(pair[1])
      }
    }
    report(
      `${inFlight} in flight, time per call (µs)`,
      bare.map((one) => one.wallUs),
      ours.map((one) => one.wallUs),
    )
    report(
      `${inFlight} in flight, CPU per call (µs)`,
      bare.map((one) => one.cpuUs),
      ours.map((one) => one.cpuUs),
    )
  }
  const first: [number[], number[]] = [[], []]
  for (let i = 0; i < 300; i++) {
    for (const [index, send] of [fetch, limited].entries()) {
      const startedMs = performance.now()
      const response = await send(streamUrl, { ...init, body: body.replace("{", '{"stream":true,') })
      const reader = response.body!.getReader()
      await reader.read()
      if (i >= 50) first[index]!.push((performance.now() - startedMs) * 1000)
      while (!(await reader.read()).done);
    }
  }
  report("first byte of a stream (µs)", ...first)
  child.kill()
}

interface Sample {
  readonly wallUs: number
  readonly cpuUs: number
}

async function load(
  send: typeof fetch,
  calls: number,
  inFlight: number,
  url: string,
  init: RequestInit,
): Promise<Sample> {
  let left = calls
  const cpu = process.cpuUsage()
  const startedMs = performance.now()
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (left-- > 0) await (await send(url, { ...init, signal: new AbortController().signal })).json()
    }),
  )
  const wallUs = ((performance.now() - startedMs) * 1000) / calls
  const { user, system } = process.cpuUsage(cpu)
  return { wallUs, cpuUs: (user + system) / calls }
}

function report(name: string, bare: number[], ours: number[]): void {
  const [b, o] = [spread(bare), spread(ours)]
  const more = ((o.median - b.median) / b.median) * 100
  process.stdout.write(
    `${name.padEnd(42)} bare ${b.text}   limited ${o.text}   +${(o.median - b.median).toFixed(1)} (${more.toFixed(1)} %)\n`,
  )
}

function spread(values: number[]): { median: number; text: string } {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))]!
  return { median: at(0.5), text: `${at(0.5).toFixed(0)} [${at(0.1).toFixed(0)}–${at(0.9).toFixed(0)}]` }
}
