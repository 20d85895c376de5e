// How many calls a second the HTTP vendor answers when answers are instant, so that it never is what a benchmark measures.
// The client runs in a process of its own. Run: node --conditions=@sluice/source packages/lab/bench/server-throughput.ts [seconds]
import { fork } from "node:child_process"
import { Agent, request } from "node:http"
import { availableParallelism, cpus } from "node:os"
import { startVendor } from "../src/index.ts"

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

if (process.send === undefined) await runServer(Number(process.argv[2] ?? 4) * 1000)
else process.once("message", (order: Order) => void runClient(order).then((result) => process.send?.(result)))

async function runServer(ms: number): Promise<void> {
  const limits = { requests: 1e9, tokens: 1e12 }
  const vendor = await startVendor({ limits, latency: { baseMs: 0, perOutputTokenMs: 0 }, answer: { tokens: 100 } })
  const lines = [
    `${cpus()[0]?.model ?? "?"}, ${availableParallelism()} cores, Node ${process.version}; 64 connections, prompt ≈ 1 KB, answer 100 tokens`,
    "",
  ]
  for (const { name, path, body } of cases) {
    // The first second compiles; it is not counted.
    await measure({ port: vendor.port, path, body: JSON.stringify(body), connections: 64, ms: 1000 })
    const before = process.cpuUsage()
    const result = await measure({ port: vendor.port, path, body: JSON.stringify(body), connections: 64, ms })
    const { user, system } = process.cpuUsage(before)
    const perSecond = Math.round((result.calls * 1000) / result.ms)
    const usPerCall = Math.round((user + system) / result.calls)
    lines.push(
      `${name.padEnd(26)} ${String(perSecond).padStart(6)} calls/s   median ${result.medianMs.toFixed(1)} ms   p99 ${result.p99Ms.toFixed(1)} ms   server CPU ${usPerCall} µs/call   failed ${result.failed}`,
    )
    vendor.reset()
  }
  await vendor.stop()
  process.stdout.write(`${lines.join("\n")}\n`)
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
