import { SluiceError } from "../errors.ts"
import type { Clock, Random } from "../ports/ports.ts"
import type { Runtime } from "../ports/runtime.ts"
import { sequentialExecutor } from "../items/sequential.ts"

let ticks = 0

/** Counts instead of measuring: `atMs` of events orders them and says nothing about durations. */
const tickingClock: Clock = {
  now: () => ticks++,
  wallNow: () => {
    throw noClock()
  },
  setTimer: () => {
    throw noClock()
  },
}

function noClock(): SluiceError {
  return new SluiceError("no-clock", '@sluice/core alone has no clock. Take define from "sluice".')
}

let state = 0x9e3779b9

/** xorshift32 (Marsaglia 2003): for run ids only. */
const plainRandom: Random = {
  next: () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  },
}

/**
 * What core's own `define` runs on: everything one after the other, no timers, no I/O.
 *
 * @example
 * ```ts
 * sequentialRuntime.executor === sequentialExecutor // => true
 * ```
 */
export const sequentialRuntime: Runtime = Object.freeze({
  clock: tickingClock,
  random: plainRandom,
  executor: sequentialExecutor,
})
