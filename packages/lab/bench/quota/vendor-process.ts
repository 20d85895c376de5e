/** The vendor, in a process of its own: started by the referee with an order, tells the truth when asked. */
import { startVendor, type AnswerRequest } from "../../src/index.ts"
import { answerTo, benchScenario, callIdOf } from "./bench-scenario.ts"
import type { Order, Sample, VendorWord } from "./messages.ts"

const SAMPLE_MS = 250

process.once("message", (order: Order) => void serve(order))

async function serve(order: Order): Promise<void> {
  const { vendor: options } = benchScenario(order.scenario, order.scale)
  const promptOf = ({ messages }: AnswerRequest): string => messages.at(-1)?.text ?? ""
  const vendor = await startVendor({
    ...options,
    answer: (request) => answerTo(promptOf(request)),
    identify: (request) => callIdOf(promptOf(request)),
  })
  const say = (word: VendorWord): void => void process.send?.(word)
  const timeline: Sample[] = []
  let startedMs = 0
  const sample = (): void => {
    const { inputTokens, outputTokens, refused } = vendor.stats()
    timeline.push({ atMs: Math.round(performance.now() - startedMs), tokens: inputTokens + outputTokens, refused })
  }
  process.on("message", (word) => {
    // Its clock starts when the contestant does, not when its process was ready.
    if (word === "start") {
      vendor.reset()
      startedMs = performance.now()
      setInterval(sample, SAMPLE_MS)
      say({ ready: { url: vendor.url, startedAt: Date.now() } })
    }
    if (word === "stats") {
      sample()
      say({ stats: vendor.stats(), timeline })
    }
  })
  say({ ready: { url: vendor.url, startedAt: Date.now() } })
}
