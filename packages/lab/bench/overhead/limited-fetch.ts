/**
 * What limitedFetch adds to fetch, side by side over loopback: processor time of a call, calls a second at a hundred in
 * flight, and the time to the first byte of a stream. Writes docs/benchmarks/limited-fetch.md.
 *
 *   pnpm bench:fetch [--rounds=9] [--calls=2000] [--only=name] [--out=folder]
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import path from "node:path"
import { parseArgs } from "node:util"
import { limitedFetch } from "@sluice/providers"
import { machineLine } from "../machine.ts"
import { reportFolder } from "../report-folder.ts"
import { WORKERS } from "./contestant.ts"

type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** What a round of calls took, per call. */
interface Taken {
  readonly cpuUs: number
  readonly wallUs: number
}

const prompt = "Queues hold calls until they fit. ".repeat(60)
const answer = "They wait, and then they go. ".repeat(30)
const usage = { prompt_tokens: 510, completion_tokens: 210, total_tokens: 720 }
const headers = {
  "x-request-id": "req_0123456789",
  "x-ratelimit-limit-requests": "10000000",
  "x-ratelimit-remaining-requests": "9999990",
  "x-ratelimit-reset-requests": "6ms",
  "x-ratelimit-limit-tokens": "1000000000",
  "x-ratelimit-remaining-tokens": "999999000",
  "x-ratelimit-reset-tokens": "12ms",
}

const init: RequestInit = {
  method: "POST",
  headers: { authorization: "Bearer sk-bench", "content-type": "application/json" },
  body: JSON.stringify({ model: "m", max_tokens: 300, messages: [{ role: "user", content: prompt }] }),
}

if (process.send) await serve()
else await measureAll()

/** The vendor: a canned answer, in a process of its own so that its work is not counted. */
async function serve(): Promise<void> {
  const whole = JSON.stringify({
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1,
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content: answer }, finish_reason: "stop" }],
    usage,
  })
  const piece = `data: ${JSON.stringify({ id: "1", object: "chat.completion.chunk", choices: [{ index: 0, delta: { content: "They wait" } }] })}\n\n`
  const last = `data: ${JSON.stringify({ id: "1", choices: [], usage })}\n\ndata: [DONE]\n\n`
  const server = createServer((request, response) => {
    const streams = request.url === "/stream/v1/chat/completions"
    request.resume().on("end", () => {
      response.writeHead(200, { ...headers, "content-type": streams ? "text/event-stream" : "application/json" })
      if (!streams) return response.end(whole)
      response.write(piece)
      setImmediate(() => response.end(piece.repeat(20) + last))
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  process.send?.((server.address() as AddressInfo).port)
}

async function measureAll(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string" },
      calls: { type: "string" },
      only: { type: "string" },
      out: { type: "string" },
    },
  })
  const rounds = Number(values.rounds ?? 9)
  const calls = Number(values.calls ?? 2000)
  const child = fork(new URL(import.meta.url), { execArgv: ["--conditions=@sluice/source"] })
  const [port] = (await once(child, "message")) as [number]
  const base = `http://127.0.0.1:${port}`
  const all = contestantsOver((url, init) => fetch(url, init))
  const contestants = Object.entries(all).filter(([name]) => values.only === undefined || name === values.only)
  const whole = await timed(contestants, rounds, (send) => wholeCalls(send, base, calls))
  const one = await timed(contestants, rounds, (send) => wholeCalls(send, base, calls / 4, 1))
  const canned = await inProcess(all.fetch!, base)
  const inside = await timed(
    Object.entries(canned).filter(([name]) => values.only === undefined || name === values.only),
    rounds,
    (send) => wholeCalls(send, base, calls * 4),
  )
  const streams = await timed(contestants, rounds, (send) => firstBytes(send, base, calls / 4))
  child.kill()
  const text = [
    "# What limitedFetch adds to fetch",
    "",
    `${machineLine()}. Written by \`pnpm bench:fetch\`.`,
    "",
    `The vendor is a server on loopback that answers at once, in a process of its own. All take turns in one process: medians of ${rounds} rounds of ${calls} calls, in brackets the medians of the rounds' differences from bare \`fetch\`. A call sends 2 KB, reads 1.2 KB and parses it; a stream is timed until its first bytes. Without the network, a call gets a ready-made response of the same bytes and headers: what is left is the work of ours.`,
    "",
    "| | CPU µs a call, 100 in flight | µs a call, 100 in flight | CPU µs a call, one by one | µs to the first byte of a stream | CPU µs a call, no network |",
    "|---|---:|---:|---:|---:|---:|",
    ...contestants.map(([name]) => {
      const cells = [
        compared(whole, name, "cpuUs"),
        compared(whole, name, "wallUs"),
        compared(one, name, "cpuUs"),
        compared(streams, name, "wallUs"),
        compared(inside, name, "cpuUs"),
      ]
      return `| ${[name, ...cells].join(" | ")} |`
    }),
  ]
  process.stdout.write(`${text.join("\n")}\n`)
  if (values.only !== undefined) return
  const folder = reportFolder(values.out)
  mkdirSync(folder, { recursive: true })
  writeFileSync(path.join(folder, "limited-fetch.md"), `${text.join("\n")}\n`)
}

function contestantsOver(send: Fetch): Readonly<Record<string, Fetch>> {
  const limits = {
    requestsPerMinute: { limit: 1e9, kind: "bucket" },
    tokensPerMinute: { limit: 1e12, kind: "bucket" },
    fetch: send as typeof fetch,
  } as const
  return {
    fetch: send,
    "limitedFetch, limits told": limitedFetch(limits),
    "limitedFetch, told every event": limitedFetch({ ...limits, onEvent: () => {} }),
  }
}

/** The same without a network: every call gets a response made of the same bytes and headers. */
async function inProcess(send: Fetch, base: string): Promise<Readonly<Record<string, Fetch>>> {
  const response = await send(`${base}/v1/chat/completions`, init)
  const bytes = await response.bytes()
  return contestantsOver(async () => new Response(bytes.slice(), { headers: response.headers }))
}

async function wholeCalls(send: Fetch, base: string, calls: number, workers = WORKERS): Promise<Taken> {
  let left = calls
  return perCall(calls, async () => {
    const worker = async (): Promise<void> => {
      while (left-- > 0) {
        const response = await send(`${base}/v1/chat/completions`, init)
        const body = (await response.json()) as { usage: { total_tokens: number } }
        if (body.usage.total_tokens !== usage.total_tokens) throw new Error("a wrong answer")
      }
    }
    await Promise.all(Array.from({ length: workers }, worker))
  })
}

async function firstBytes(send: Fetch, base: string, calls: number): Promise<Taken> {
  const body = JSON.stringify({ ...(JSON.parse(init.body as string) as object), stream: true })
  let wallUs = 0
  const { cpuUs } = await perCall(calls, async () => {
    for (let i = 0; i < calls; i++) {
      const startedMs = performance.now()
      const response = await send(`${base}/stream/v1/chat/completions`, { ...init, body })
      const reader = response.body!.getReader()
      await reader.read()
      wallUs += ((performance.now() - startedMs) * 1_000) / calls
      while (!(await reader.read()).done);
    }
  })
  return { cpuUs, wallUs }
}

async function perCall(calls: number, run: () => Promise<void>): Promise<Taken> {
  // No forced collection: it would throw away the compiled code of whatever has no call in flight.
  const cpu = process.cpuUsage()
  const startedMs = performance.now()
  await run()
  const wallUs = ((performance.now() - startedMs) * 1_000) / calls
  const { user, system } = process.cpuUsage(cpu)
  return { cpuUs: (user + system) / calls, wallUs }
}

async function timed(
  contestants: readonly (readonly [string, Fetch])[],
  rounds: number,
  measure: (send: Fetch) => Promise<Taken>,
): Promise<ReadonlyMap<string, readonly Taken[]>> {
  const taken = new Map<string, Taken[]>(contestants.map(([name]) => [name, []]))
  // The first rounds compile; they are not counted.
  for (let round = -2; round < rounds; round++) {
    for (const [name, send] of contestants) {
      const one = await measure(send)
      if (round >= 0) taken.get(name)?.push(one)
    }
  }
  return taken
}

/** The median, and how much it is above the first contestant's in the same round. */
function compared(taken: ReadonlyMap<string, readonly Taken[]>, name: string, what: keyof Taken): string {
  const own = taken.get(name)!.map((each) => each[what])
  const first = [...taken.values()][0]!.map((each) => each[what])
  const more = median(own.map((value, round) => value - first[round]!))
  return own.every((value, round) => value === first[round])
    ? fixed(median(own))
    : `${fixed(median(own))} [+${fixed(more)}]`
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

function fixed(us: number): string {
  return us.toFixed(us < 100 ? 1 : 0)
}
