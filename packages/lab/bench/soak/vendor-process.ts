/** The vendor of the real soak, in a process of its own: what it remembers of every call is not what is measured. */
import { startVendor } from "../../src/index.ts"

const vendor = await startVendor({
  seed: 3,
  limits: { requests: 3_000, concurrency: { limit: 80, status: 503 } },
  latency: { baseMs: 100, perOutputTokenMs: 5, heavyTail: 0.5 },
  answer: { tokens: 60 },
  faults: {
    rates: {
      error500: 0.01,
      reset: 0.01,
      error503: 0.01,
      hang: 0.001,
      truncate: 0.005,
      malformed: 0.005,
      streamError: 0.005,
    },
    schedule: [{ kind: "outage", fromMs: 60_000, toMs: 65_000 }],
  },
})
process.send?.(vendor.url)
process.on("disconnect", () => void vendor.stop())
