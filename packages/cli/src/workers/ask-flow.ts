import { createDefine, type Node } from "@sluice/core"
import { systemRuntime } from "@sluice/scheduler"
import { packageVersion } from "../package-version.ts"
import type { Asking } from "./asking.ts"

/**
 * What `sluice run --workers` and `sluice worker` both have: one batch, whose items are texts to be asked about. Its version is the command's, so
 * a worker of another one takes nothing.
 */
export function askFlow(ask: (asking: Asking, item: string, signal: AbortSignal) => Promise<string>): Node<object> {
  const { batch } = createDefine(systemRuntime)<object>()
  return batch({
    name: askPath,
    version: packageVersion(),
    prep: (): string[] => [],
    exec: (item, { params, signal }) => ask(params as unknown as Asking, item, signal),
  })
}

export const askPath = "ask"
