import type { EventSink, SluiceEvent } from "@sluice/core"
import { systemClock } from "@sluice/scheduler"

/**
 * Tells the first `count` items of a run that has just begun: every fifth waited, every seventh failed, every third was tried again. Every
 * fourth item after the first two is still under way.
 */
export function tellRun(tell: EventSink, count: number, startMs = systemClock.now()): void {
  const runId = "told"
  const node = "digest"
  const say = (event: object): void => tell(event as SluiceEvent)
  say({ type: "run-start", atMs: startMs, runId, flow: node })
  for (let index = 0; index < count; index++) {
    const spanId = index + 1
    const atMs = startMs + index * 20
    const quota = "openai gpt-5-mini"
    const span = { runId, spanId }
    say({ type: "item-start", atMs, node, index, ...span })
    const waits = index % 5 === 0
    if (waits) say({ type: "permit-wait", atMs, quota, blockedBy: "requestsPerMinute", waiting: 1, ...span })
    if (index % 4 === 3) continue
    const cost = { requests: 1 }
    const waited = waits ? { blockedBy: "requestsPerMinute", waitedMs: 10 } : { waitedMs: 0 }
    say({ type: "permit-admit", atMs: atMs + 10, quota, cost, inFlight: 1, ...waited, ...span })
    const failed = index % 7 === 0
    const tries = index % 3 === 0 ? 2 : 1
    for (let attempt = 1; attempt <= tries; attempt++) {
      const decision = attempt < tries ? "retry" : failed ? "fail" : "ok"
      const ended = decision === "ok" ? { status: 200 } : { status: 503, error: "overloaded", delayMs: 5 }
      const requestId = `req_${index}_${attempt}`
      const times = { atMs: atMs + 10 * attempt + 8, startMs: atMs + 10 * attempt, durationMs: 8 }
      say({
        type: "http-attempt",
        attempt,
        decision,
        requestId,
        model: "gpt-5-mini",
        ...ended,
        ...times,
        ...span,
      })
    }
    say({
      type: "usage",
      atMs: atMs + 40,
      cost: { inputTokens: 100, outputTokens: 20, usd: 0.001 },
      ...span,
    })
    say({ type: "permit-settle", atMs: atMs + 40, quota, inFlight: 0, heldMs: 30, ...span })
    const outcome = failed ? { status: "failed", error: new Error("overloaded") } : { status: "ok" }
    say({ type: "item-end", atMs: atMs + 50, node, index, attempts: 1, ...outcome, ...span })
  }
  say({
    type: "throttle",
    atMs: startMs + 30,
    quota: "openai gpt-5-mini",
    reason: "rate",
    dimension: "requests",
    retryAfterMs: 2_000,
  })
}
