import type { Clock } from "@sluice/core"
import type { Redact } from "../items/text-source.ts"
import type { ControlAction } from "../wire.ts"

export interface RunModelOptions {
  readonly title: string
  readonly clock: Clock
  readonly total: () => number | undefined
  readonly actions: () => readonly ControlAction[]
  /** Whether items are read from the journal still. */
  readonly loading: () => boolean
  /** For texts that are shortened. */
  readonly redact?: Redact
}
