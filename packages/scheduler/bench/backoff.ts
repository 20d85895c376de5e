/**
 * What each kind of jitter costs after an outage: 400 callers whose calls fail while the vendor is gone, and who come back to one that serves
 * 20 calls in each tenth of a second and answers 503 to the others. `node --conditions=@sluice/source packages/scheduler/bench/backoff.ts`.
 */
import { seededRandom } from "@sluice/lab"
import { backoffDelayMs, retryDefaults } from "@sluice/scheduler"

const [callers, served, draws] = [400, 20, 20]

function afterOutage(jitter: "equal" | "full", goneMs: number, seed: number): Record<string, number> {
  const random = seededRandom(seed)
  const next = Array.from({ length: callers }, () => ({ atMs: random.next() * 200, attempt: 1 }))
  const arrivals = new Map<number, number>()
  let [calls, lost, lastMs] = [0, 0, 0]
  while (next.length > 0) {
    next.sort((a, b) => b.atMs - a.atMs)
    const { atMs, attempt } = next.pop()!
    calls++
    const slice = Math.floor(atMs / 100)
    const before = arrivals.get(slice) ?? 0
    if (atMs >= goneMs) arrivals.set(slice, before + 1)
    if (atMs >= goneMs && before < served) lastMs = Math.max(lastMs, atMs)
    else if (attempt === retryDefaults.maxAttempts) lost++
    else next.push({ atMs: atMs + backoffDelayMs(attempt, { jitter }, random), attempt: attempt + 1 })
  }
  return {
    callsEach: calls / callers,
    lostPercent: (100 * lost) / callers,
    mostAtOnce: Math.max(0, ...arrivals.values()),
    lastS: lastMs / 1000,
  }
}

const rows = [2, 4, 10, 15, 25].flatMap((goneS) =>
  (["full", "equal"] as const).map((jitter) => {
    const all = Array.from({ length: draws }, (_, seed) => afterOutage(jitter, goneS * 1000, seed + 1))
    const mean = (name: string): number => Number((all.reduce((sum, one) => sum + one[name]!, 0) / draws).toFixed(1))
    return { goneS, jitter, ...Object.fromEntries(Object.keys(all[0]!).map((name) => [name, mean(name)])) }
  }),
)
console.table(rows)
