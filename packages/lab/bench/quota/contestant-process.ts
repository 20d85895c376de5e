/** One contestant in a process of its own: so memory and CPU are its own, and nobody else's timers delay it. */
import { monitorEventLoopDelay } from "node:perf_hooks"
import type { SluiceEvent } from "@sluice/core"
import { benchScenario, promptOf, toldNow } from "./bench-scenario.ts"
import { contestantNamed } from "./contestants.ts"
import type { ContestantReport, Order } from "./messages.ts"

const TICK_MS = 10
const TRACED = new Set(["limit-change", "gate-close", "gate-open"])

process.once("message", (order: Order) => void run(order))

async function run(order: Order): Promise<void> {
  const { url = "" } = order
  let startedAt = Date.now()
  const scenario = benchScenario(order.scenario, order.scale)
  const errors = new Map<string, number>()
  const events: Record<string, number> = {}
  const trace: SluiceEvent[] = []
  let answered = 0
  let startedMs = 0
  let lastMs = 0
  const delay = monitorEventLoopDelay({ resolution: TICK_MS })

  const prepared = await contestantNamed(order.contestant).prepare({
    url,
    told: () => toldNow(scenario, startedAt),
    chargesMaxTokens: scenario.vendor.chargeMaxTokens ?? false,
    calls: scenario.calls.map((call, index) => ({ prompt: promptOf(call, index), maxTokens: call.maxTokens })),
    answer(text) {
      if (!text) return
      answered++
      lastMs = performance.now()
    },
    fail(error) {
      const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
      const short = message.replaceAll(/\d+(\.\d+)?/g, "N").slice(0, 160)
      errors.set(short, (errors.get(short) ?? 0) + 1)
    },
    onEvent(event) {
      events[event.type] = (events[event.type] ?? 0) + 1
      if (TRACED.has(event.type) && trace.length < 80) trace.push(event)
    },
  })
  const report = (): ContestantReport => {
    const { user, system } = process.cpuUsage(cpu)
    return {
      timeMs: lastMs - startedMs,
      answered,
      errors: [...errors].sort(([, a], [, b]) => b - a),
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
      idleRssBytes,
      cpuSeconds: (user + system) / 1e6,
      lateMs: Math.max(0, delay.percentile(99) / 1e6 - TICK_MS),
      events,
      trace,
    }
  }
  const idleRssBytes = process.memoryUsage.rss()
  let cpu = process.cpuUsage()
  process.send?.("prepared")
  process.on("message", (word: "report" | { readonly startedAt: number }) => {
    if (word === "report") {
      process.send?.(report())
      return
    }
    startedAt = word.startedAt
    cpu = process.cpuUsage()
    startedMs = performance.now()
    delay.enable()
    void prepared()
      .catch((error: unknown) => {
        const message = String(error).slice(0, 160)
        errors.set(message, (errors.get(message) ?? 0) + 1)
      })
      .then(() => process.send?.(report()))
  })
}
