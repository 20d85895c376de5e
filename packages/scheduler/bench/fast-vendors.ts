/**
 * Nothing told, nothing in headers, a fast vendor with a shallow bucket: rates a second × depths × delays × how long answers take.
 *
 *   node --conditions=@sluice/source packages/scheduler/bench/fast-vendors.ts [--seeds 2] [--calls 1000] [--wire openai,bare] [--delays exact,seconds,none]
 *     [--rates …] [--bursts …] [--answers …] [--jitter 0] [--told number|burst] [--charge] [--events]
 */
import { parseArgs } from "node:util"
import { simulate, type VendorOptions, type WireStyle } from "@sluice/lab"

const { values: args } = parseArgs({
  options: {
    seeds: { type: "string", default: "2" },
    calls: { type: "string", default: "1000" },
    wire: { type: "string", default: "openai,bare" },
    jitter: { type: "string", default: "0" },
    rates: { type: "string", default: "20,50,100,150" },
    bursts: { type: "string", default: "1,2,5,10,20" },
    delays: { type: "string", default: "exact,seconds,none" },
    answers: { type: "string", default: "50,300,2000" },
    events: { type: "boolean", default: false },
    told: { type: "string", default: "" },
    charge: { type: "boolean", default: false },
  },
})
const numbers = (list: string): number[] => list.split(",").map(Number)
const calls = Number(args.calls)
const all: { ratio: number; refused: number }[] = []
for (const wire of args.wire.split(","))
  for (const retryAfter of args.delays.split(",") as VendorOptions["retryAfter"][]) {
    console.log(`\n${wire}, delays ${retryAfter}: time / oracle · refused % (worst of ${args.seeds} seeds)`)
    console.log(
      "".padEnd(16),
      numbers(args.bursts)
        .map((burst) => `bucket ${burst}`.padStart(14))
        .join(""),
    )
    const group: { ratio: number; refused: number }[] = []
    for (const perSecond of numbers(args.rates))
      for (const baseMs of numbers(args.answers)) {
        let line = `${perSecond}/s ${baseMs} ms`.padEnd(16)
        for (const burst of numbers(args.bursts)) {
          let ratio = 0
          let refused = 0
          let lost = 0
          for (let seed = 1; seed <= Number(args.seeds); seed++) {
            const report = await simulate(
              {
                name: "batch",
                streams: [
                  {
                    calls,
                    arrivals: { kind: "bursts", size: calls, everyMs: 0 },
                    inputTokens: 100,
                    outputTokens: 20,
                  },
                ],
              },
              {
                limits: { requests: { limit: perSecond * 60, burst } },
                latency: { baseMs, perOutputTokenMs: 0 },
                headers: "none",
                chargeRefused: args.charge,
                ...(retryAfter && { retryAfter }),
              },
              {
                wire: wire as WireStyle,
                seed,
                ...(args.told && {
                  told: {
                    requestsPerMinute: args.told === "burst" ? { limit: perSecond * 60, burst } : perSecond * 60,
                  },
                }),
                networkJitterMs: Number(args.jitter),
                ...(args.events && {
                  onEvent: (event) => {
                    if (["limit-change", "gate-close", "throttle", "warning"].includes(event.type))
                      console.log(JSON.stringify({ ...event, atMs: Math.round(event.atMs) }))
                  },
                }),
              },
            )
            ratio = Math.max(ratio, report.ratio)
            refused = Math.max(refused, report.refusedRatio)
            lost += report.lost
          }
          all.push({ ratio, refused })
          group.push({ ratio, refused })
          line += `${ratio.toFixed(2)} ${(refused * 100).toFixed(1).padStart(5)}${lost ? ` L${lost}` : ""}`.padStart(14)
        }
        console.log(line)
      }
    sum(group)
  }
console.log("\nall:")
sum(all)

function sum(cells: { ratio: number; refused: number }[]): void {
  const at = (of: "ratio" | "refused", share: number): string => {
    const sorted = cells.map((cell) => cell[of]).toSorted((a, b) => a - b)
    return sorted[Math.ceil(cells.length * share) - 1]!.toFixed(3)
  }
  const over = cells.filter(({ ratio }) => ratio > 1.2).length
  const many = cells.filter(({ refused }) => refused > 0.03).length
  console.log(
    `time p50 ${at("ratio", 0.5)} p90 ${at("ratio", 0.9)} worst ${at("ratio", 1)} · refused p50 ${at("refused", 0.5)} p90 ${at("refused", 0.9)} worst ${at("refused", 1)} · ${over} of ${cells.length} cells above 1.2, ${many} above 3 %`,
  )
}
