import type { Lane } from "@sluice/core"
import type { RunCommandOptions } from "../run/options/run-options.ts"
import { usageError } from "../usage-error.ts"

/** What a run whose calls others make cannot have. @throws usage error */
export function checkWorkers({ workers, redis, cache, ui, attach, fields }: RunCommandOptions, lane: Lane): void {
  if (!workers) return
  if (redis === undefined) throw usageError("--workers: say with --redis URL where the workers are.")
  if (lane !== "online")
    throw usageError("--workers: the batch lane spreads a run at the vendor already. Leave one of the two out.")
  if (fields?.includes("raw"))
    throw usageError("--workers: --fields raw keeps answers as this process got them. Leave one of the two out.")
  if (attach)
    throw usageError("--workers: the files of --attach lie here, and workers have none. Leave one of the two out.")
  if (cache) throw usageError("--workers: --cache keeps answers of this process's own calls. Leave one of the two out.")
  if (ui !== undefined)
    throw usageError(
      "--workers: --ui holds and shows the calls of this process. Leave it out, and see the limits with sluice quota watch.",
    )
}
