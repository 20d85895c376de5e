import OpenAI from "openai"
import { keyed, mapAll, openaiOptions, semaphore, throttle, withCall } from "sluice"
import { startVendor } from "@sluice/lab"

// A simulated vendor, so that this runs without a key: 20 calls a second.
const vendor = await startVendor({ limits: { requests: { limit: 1_200, burst: 5 } }, answer: { text: "Hello." } })
const limits = openaiOptions({ requestsPerMinute: { limit: 1_200, kind: "bucket", burst: 5 } })
const openai = new OpenAI({ ...limits, baseURL: `${vendor.url}/v1`, apiKey: "no key needed here" })

const ended: string[] = []
async function ask(tenant: string): Promise<void> {
  const messages = [{ role: "user" as const, content: "Hello?" }]
  await openai.chat.completions.create({ model: "gpt-5-mini", max_completion_tokens: 5, messages })
  ended.push(tenant)
}

// Tenants take turns at the vendor's quota: who has been served least goes first, in order among their own.
const work = (tenant: string, calls: number): Promise<void[]> =>
  withCall({ tenant }, () => mapAll(Array.from({ length: calls }), () => ask(tenant)))
await Promise.all([work("large", 50), work("small", 5)])
process.stdout.write(
  `The small tenant's last answer was ${ended.lastIndexOf("small") < 30 ? "among the first thirty" : "late"} of ${ended.length}.\n`,
)

// A limit of one's own for each of them: no tenant has more than two reports at once.
const atOnce = new Map<string, number>()
let most = 0
const perTenant = keyed((tenant) => semaphore({ limit: 2, name: tenant }))
async function report(tenant: string): Promise<void> {
  const now = (atOnce.get(tenant) ?? 0) + 1
  atOnce.set(tenant, now)
  most = Math.max(most, now)
  await new Promise((resolve) => setTimeout(resolve, 10))
  atOnce.set(tenant, now - 1)
}
const tenants = ["a", "b", "c"]
await mapAll(
  tenants.flatMap((tenant) => [tenant, tenant, tenant, tenant]),
  (tenant) => throttle(() => report(tenant), perTenant.of(tenant))(),
)
process.stdout.write(`Reports of one tenant at once: ${most} at most.\n`)
await limits.fetch.close()
await vendor.stop()
