/**
 * Arguments of Node with which a process ends its standard error with the most KiB of memory that it has had. On Linux its own alone:
 * `maxRSS` counts what the process had that started it.
 */
export const tellingPeak: readonly string[] = [
  "--import",
  `data:text/javascript,${encodeURIComponent(`
import { readFileSync } from "node:fs"
const own = () => /VmHWM:\\s*(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]
process.on("exit", () => {
  const peak = process.platform === "linux" ? own() : process.resourceUsage().maxRSS
  process.stderr.write(String(peak))
})`)}`,
]

/** In MB, as `tellingPeak` has told it last. */
export function peakOf(stderr: string): number {
  return Number(/\d+$/.exec(stderr)?.[0]) / 1_024
}

/** Options of a run that is to be measured with its page. */
export const withPage: readonly string[] = process.env["SLUICE_UI"] ? ["--ui", "0"] : []
