import { startVendor } from "@sluice/lab"

/** The simulated vendor in a process of its own, so that its work and memory are not counted as ours. */
const [requests, requestsReady, tokens, tokensReady] = process.argv.slice(2).map(Number) as [
  number,
  number,
  number,
  number,
]

const vendor = await startVendor({
  limits: {
    requests: { limit: requests, burst: requestsReady },
    tokens: { limit: tokens, burst: tokensReady },
  },
  // As OpenAI and Azure do: what a call may answer at most counts when it arrives.
  chargeMaxTokens: true,
  // Its answers say nothing of the quota, as Gemini's: what the demo was told has to do.
  headers: "none",
  answer: "extractive",
  latency: { baseMs: 300, perOutputTokenMs: 10, heavyTail: 0.3 },
})
process.send!({ url: vendor.url })
process.on("message", () => process.send!({ truth: vendor.stats() }))
// Ctrl-C goes to the whole process group; the demo still wants the final count.
process.on("SIGINT", () => {})
process.on("disconnect", () => process.exit(0))
