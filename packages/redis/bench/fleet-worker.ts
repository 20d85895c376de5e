import { limitedFetch } from "@sluice/providers"
import { sharedQuotas } from "@sluice/redis"
import { Cluster, Redis } from "ioredis"
import { createClient, createCluster } from "redis"
import type { WorkerOptions, WorkerReport } from "./fleet.ts"

const options = JSON.parse(process.env["SLUICE_FLEET"]!) as WorkerOptions
const [url, ...others] = options.redisUrl.split(",") as [string, ...string[]]
const nodes = [url, ...others]
const inCluster = others.length > 0
const redis =
  options.client === "redis"
    ? inCluster
      ? createCluster({ rootNodes: nodes.map((each) => ({ url: each })) })
      : createClient({ url })
    : inCluster
      ? new Cluster(nodes, { lazyConnect: true })
      : new Redis(url, { lazyConnect: true })
redis.on("error", () => {})
const shared = sharedQuotas({ redis, whenUnreachable: options.whenUnreachable ?? "wait" })
const warnings: string[] = []
const call = limitedFetch({
  ...options.limits,
  quota: shared,
  vendor: "openai",
  ...(options.priority !== undefined && { priority: options.priority }),
  onEvent: (event) => {
    if (event.type === "warning") warnings.push(`${event.code}: ${event.message}`)
  },
})
let done = 0
let failed = 0
let stopped = false
let number = 0
const { calls = Infinity } = options
const errors: Record<string, number> = {}

async function caller(): Promise<void> {
  while (!stopped && number < calls) {
    const content = `${process.pid} ${number++}`
    const body = JSON.stringify({ model: "gpt-4o", max_tokens: 16, messages: [{ role: "user", content }] })
    const headers = { "content-type": "application/json", authorization: "Bearer test-key" }
    try {
      const response = await call(`${options.vendorUrl}/v1/chat/completions`, { method: "POST", headers, body })
      await response.arrayBuffer()
      if (response.ok) done++
      else count(String(response.status))
    } catch (error) {
      count((error as { code?: string }).code ?? String(error))
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

async function start(): Promise<void> {
  await Promise.all(Array.from({ length: options.callers }, () => caller()))
}

function count(error: string): void {
  failed++
  errors[error] = (errors[error] ?? 0) + 1
}

process.on("message", (what) => {
  const report = (): void => void process.send!({ done, failed, errors, warnings } satisfies WorkerReport)
  if (what === "report") return report()
  if (what === "batch") return void start().then(report)
  stopped = true
  void shared.close().then(() => process.exit(0))
})
process.on("disconnect", () => process.exit(0))
if (calls === Infinity) void start()
process.send!("ready")
