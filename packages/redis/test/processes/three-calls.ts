import { limitedFetch } from "@sluice/providers"
import { sharedQuotas } from "@sluice/redis"
import { Redis } from "ioredis"
import { createClient } from "redis"

// A script as people write it: nothing in it closes anything.
const { SLUICE_CLIENT: client, SLUICE_REDIS: url = "", SLUICE_VENDOR: vendor, SLUICE_CALLS: calls } = process.env
const redis = client === "redis" ? createClient({ url }) : new Redis(url, { lazyConnect: true })
const fetch = limitedFetch({ requestsPerMinute: 600, concurrency: 1, vendor: "openai", quota: sharedQuotas({ redis }) })
for (let call = 0; call < Number(calls); call++) {
  const response = await fetch(`${vendor}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer test-key" },
    body: JSON.stringify({ model: "gpt-4o", max_tokens: 16, messages: [{ role: "user", content: `call ${call}` }] }),
  })
  await response.text()
}
process.stdout.write("done")
