import type { Executor } from "./executor.ts"
import { clock, having, needed, random, type Shape } from "../options.ts"
import type { Clock, Random } from "./ports.ts"

/** What the model needs from outside. `define` of the `sluice` package brings the real one. */
export interface Runtime {
  readonly clock: Clock
  readonly random: Random
  readonly executor: Executor
}

export const runtimeChecks: Shape<Runtime> = {
  clock: needed(clock),
  random: needed(random),
  executor: needed(having("an Executor", "map")),
}
