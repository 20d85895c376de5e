import type { Lane } from "@sluice/core"
import { InvalidArgumentError } from "commander"
import { parseModelName } from "../model/model-name.ts"
import { usageError } from "../usage-error.ts"

export const lanes = ["online", "batch", "auto"] as const

export interface LaneChoice {
  /** `--lane`, as it was given. */
  readonly lane: (typeof lanes)[number] | undefined
  readonly deadlineMs: number | undefined
  /** What the configuration says; the command line goes before it. */
  readonly configured: Lane | undefined
  readonly model: string
}

/** Which way the calls of a run go. Throws what contradicts itself, and what the model's vendor cannot do. */
export function laneOf({ lane, deadlineMs, configured = "online", model }: LaneChoice): Lane {
  if (deadlineMs !== undefined && lane !== "auto" && (lane ?? configured) !== "online") {
    throw usageError(
      "--deadline goes with --lane auto (the vendor's batches while there is time, then online) or --lane online. --lane batch waits as long as it takes.",
    )
  }
  if (lane === "auto" && deadlineMs === undefined) {
    throw usageError("--lane auto: say when everything has to be done, for example --deadline 2h.")
  }
  const chosen = lane === "auto" ? { deadlineMs: deadlineMs ?? 0 } : (lane ?? configured)
  if (chosen === "online") return chosen
  if (parseModelName(model).vendor === "noop")
    throw usageError(`The batch lane: ${model} has no batch API. Give --lane online.`)
  return chosen
}

const unitMs: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 }

const longestMs = 365 * 86_400_000

/** `2h`, `90m`, `1h30m`, `45s` in milliseconds. */
export function duration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([dhms])/g)]
  const ms = parts.reduce((sum, [, count, unit = ""]) => sum + Number(count) * (unitMs[unit] ?? 0), 0)
  const isDuration = ms > 0 && parts.map(([part]) => part).join("") === text
  if (isDuration && ms <= longestMs) return ms
  throw new InvalidArgumentError(`Wanted a duration such as 2h, 90m or 1h30m${isDuration ? ", at most 365d" : ""}.`)
}
