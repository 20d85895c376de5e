import { simulate, type TrafficReport, type TrafficShape, type VendorOptions } from "@sluice/lab"

// Your traffic: a night's batch, and people who ask now and then and do not want to wait behind it.
const traffic: TrafficShape = {
  name: "batch and chat",
  streams: [
    { calls: 1_000, arrivals: { kind: "bursts", size: 1_000, everyMs: 0 }, inputTokens: 800, outputTokens: 200 },
    { calls: 50, arrivals: { kind: "poisson", perMinute: 10 }, inputTokens: 300, outputTokens: 100, priority: 1 },
  ],
}
// Your vendor, as far as you know it. The clock is virtual: half an hour takes a moment.
const vendor: VendorOptions = { limits: { requests: 120, inputTokens: 200_000 } }

const told = await simulate(traffic, vendor, { told: { requestsPerMinute: 120, inputTokensPerMinute: 200_000 } })
const silent = await simulate(traffic, { ...vendor, headers: "none" }, {})

print("told the limits", told)
print("told nothing, no headers", silent)
if (told.lost > 0 || told.refusedRatio > 0.001) throw new Error("This traffic would be refused.")

function print(what: string, { answered, calls, lost, ratio }: TrafficReport): void {
  const pace =
    ratio < 1.1 ? "within a tenth of the least possible time" : `${ratio.toFixed(1)} times the least possible time`
  process.stdout.write(`${what}: ${answered} of ${calls} answered, ${lost} lost, ${pace}\n`)
}
