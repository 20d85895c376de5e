import type { Executor } from "./executor.ts"
import type { Clock, Random } from "./ports.ts"

/** What the model needs from outside. `define` of the `sluice` package brings the real one. */
export interface Runtime {
  readonly clock: Clock
  readonly random: Random
  readonly executor: Executor
}
