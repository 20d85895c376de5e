import { sharedQuotas } from "@sluice/redis"
import { Redis } from "ioredis"
import { limitedFetch } from "sluice"

const redis = new Redis(process.env["REDIS_URL"]!)
// "wait": a process that dies costs the others nothing. The default keeps its share for 15 s, in case it is only cut off.
const shared = sharedQuotas({ redis, whenUnreachable: "wait" })
const fetch = limitedFetch({
  requestsPerMinute: { limit: 1_200, kind: "bucket", burst: 20 },
  quota: shared,
  vendor: "openai",
})

let done = 0
let stopped = false
process.on("message", () => {
  stopped = true
  void shared.close().then(() => process.exit(0))
})
process.on("disconnect", () => process.exit(0))

async function caller(): Promise<void> {
  while (!stopped) {
    const body = JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: `${process.pid} ${done}` }] })
    const headers = { authorization: "Bearer the-same-key", "content-type": "application/json" }
    const answer = await fetch(`${process.env["VENDOR_URL"]}/v1/chat/completions`, { method: "POST", headers, body })
    await answer.arrayBuffer()
    process.send?.(++done)
  }
}

for (let each = 0; each < 20; each++) void caller().catch(() => {})
