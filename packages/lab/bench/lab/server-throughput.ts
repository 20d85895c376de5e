import { fork } from "node:child_process"
import { Agent, request } from "node:http"
import { startVendor } from "../../src/index.ts"
import type { Section } from "./section.ts"

interface Order {
  readonly port: number
  readonly path: string
  readonly body: string
  readonly connections: number
  readonly ms: number
}
interface Result {
  readonly calls: number
  readonly failed: number
  readonly ms: number
  readonly medianMs: number
  readonly p99Ms: number
}

const messages = [{ role: "user", content: "Queues hold calls until they fit. ".repeat(30) }]
const cases = [
  { name: "chat completion", path: "/v1/chat/completions", body: { model: "m", messages, max_tokens: 100 } },
  {
    name: "chat completion, streamed",
    path: "/v1/chat/completions",
    body: { model: "m", messages, max_tokens: 100, stream: true },
  },
  { name: "message", path: "/v1/messages", body: { model: "m", messages, max_tokens: 100 } },
  {
    name: "generateContent",
    path: "/v1beta/models/m:generateContent",
    body: { contents: [{ parts: [{ text: messages[0]?.content }] }] },
  },
]

const WANTED_PER_SECOND = 2_000
const CONNECTIONS = 64

// The client runs in a process of its own.
if (process.send)
  process.once("message", (order: Order) => void runClient(order).then((result) => process.send?.(result)))

/** How many calls a second the HTTP vendor answers when answers are instant, so that it never is what a benchmark measures. */
export async function serverThroughput(ms = 4_000): Promise<Section> {
  const limits = { requests: 1e9, tokens: 1e12 }
  const vendor = await startVendor({ limits, latency: { baseMs: 0, perOutputTokenMs: 0 }, answer: { tokens: 100 } })
  const lines: string[] = []
  const missed: string[] = []
  for (const { name, path, body } of cases) {
    const order = { port: vendor.port, path, body: JSON.stringify(body), connections: CONNECTIONS }
    // The first second compiles; it is not counted.
    await measure({ ...order, ms: 1_000 })
    const before = process.cpuUsage()
    const result = await measure({ ...order, ms })
    const { user, system } = process.cpuUsage(before)
    const perSecond = Math.round((result.calls * 1_000) / result.ms)
    const cells = [
      name,
      perSecond,
      `${result.medianMs.toFixed(1)} ms`,
      `${result.p99Ms.toFixed(1)} ms`,
      `${Math.round((user + system) / result.calls)} µs`,
      result.failed,
    ]
    lines.push(`| ${cells.join(" | ")} |`)
    if (perSecond < WANTED_PER_SECOND)
      missed.push(`${name}: ${perSecond} calls/s, ${WANTED_PER_SECOND} are wanted on two cores`)
    if (result.failed > 0) missed.push(`${name}: ${result.failed} calls failed`)
    vendor.reset()
  }
  await vendor.stop()
  return {
    title: "The server's own cost",
    text: [
      `One server, ${CONNECTIONS} connections from another process on the same machine, prompts of 1 KB, answers of 100 tokens without delay.`,
      "",
      "| | calls/s | median | 99 of 100 | server CPU a call | failed |",
      "|---|---:|---:|---:|---:|---:|",
      ...lines,
    ],
    missed,
  }
}

function measure(order: Order): Promise<Result> {
  const child = fork(new URL(import.meta.url), { execArgv: ["--conditions=@sluice/source"] })
  return new Promise((resolve, reject) => {
    child.once("error", reject)
    child.once("message", (result: Result) => {
      child.disconnect()
      resolve(result)
    })
    child.send(order)
  })
}

async function runClient({ port, path, body, connections, ms }: Order): Promise<Result> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const durations: number[] = []
  let failed = 0
  const startedMs = performance.now()
  const work = async (): Promise<void> => {
    while (performance.now() - startedMs < ms) {
      const sentMs = performance.now()
      if ((await callOnce(agent, port, path, body)) !== 200) failed++
      durations.push(performance.now() - sentMs)
    }
  }
  await Promise.all(Array.from({ length: connections }, work))
  agent.destroy()
  const sorted = Float64Array.from(durations).sort()
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? NaN
  return { calls: durations.length, failed, ms: performance.now() - startedMs, medianMs: at(0.5), p99Ms: at(0.99) }
}

function callOnce(agent: Agent, port: number, path: string, body: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) }
    const call = request({ agent, host: "127.0.0.1", port, path, method: "POST", headers }, (response) => {
      response.resume()
      response.once("end", () => resolve(response.statusCode))
    })
    call.once("error", reject)
    call.end(body)
  })
}
