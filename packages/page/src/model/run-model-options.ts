import type { Clock } from "@sluice/core"
import type { ControlAction } from "../wire.ts"

export interface RunModelOptions {
  readonly title: string
  readonly clock: Clock
  readonly total: () => number | undefined
  readonly actions: () => readonly ControlAction[]
  /** Whether items are read from the journal still. */
  readonly loading: () => boolean
}
