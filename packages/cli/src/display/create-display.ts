import type { Clock, SluiceEvent } from "@sluice/core"
import {
  anything,
  anyText,
  callable,
  checkOptions,
  clock as isClock,
  flag,
  having,
  needed,
  type Shape,
  text,
} from "@sluice/core/internal"
import { drawFrames } from "./draw-frames.ts"
import type { FrameState } from "./frame-state.ts"
import { ProgressTally } from "./progress-tally.ts"
import type { QuotaReading } from "./quota-reading.ts"

export interface DisplayOptions {
  /** Where it draws; `process.stderr` leaves standard output to results. */
  readonly stream: NodeJS.WritableStream
  readonly clock: Clock
  readonly title: string
  /** What is counted, singular: `document`. */
  readonly unit: string
  /** Whose items are counted: the node's name, or its path in the flow. Default: the first node that has items. */
  readonly node?: string
  /** How many items there will be, once that is known. */
  readonly total?: () => number | undefined
  /** The quotas' state, read once per frame. Without it, events have to do and no limits are shown. */
  readonly quotas?: () => readonly QuotaReading[]
  /** What the keys of the terminal do now, in a line; shown in place alone, as long as the run goes on. */
  readonly keys?: () => string | undefined
  /** How many answers were cut, where somebody knows better than the calls' ends do. */
  readonly cut?: () => number
  /** Redraws in place when true, writes plain lines otherwise. Default: whether the stream is a terminal. */
  readonly isTTY?: boolean
  /** Default: the stream's width as it is at each frame, else 80. */
  readonly columns?: () => number
  /** Which terminal it is: its title and its own progress bar show the run, where it has them. Default: none of that. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Default: on a terminal, unless `NO_COLOR` or a dumb terminal says otherwise. */
  readonly color?: boolean
}

/** A running display. Hand `observe` to a run's `onEvent`; call `stop` when the run has ended, however it ended. */
export interface Display {
  /** In place, on a terminal; otherwise lines. */
  readonly isLive: boolean
  readonly observe: (event: SluiceEvent) => void
  /** A line that stays: above the live part on a terminal, in its place among the lines otherwise. */
  readonly print: (line: string) => void
  /** What the next frame would show. */
  readonly state: () => FrameState
  /** Draws the last frame and ends the timer. A second call does nothing. */
  readonly stop: () => void
}

const checks: Shape<DisplayOptions> = {
  stream: needed(having("a stream", "write")),
  clock: needed(isClock),
  title: needed(anyText),
  unit: needed(text),
  node: text,
  total: callable,
  quotas: callable,
  keys: callable,
  cut: callable,
  isTTY: flag,
  columns: callable,
  env: anything,
  color: flag,
}

/**
 * Shows a run while it runs: done, in flight, waiting and for which limit, failed, rates against the quota, ETA.
 *
 * One timer for everything, taken from `clock`; nothing is drawn between its ticks, so that a million events cost
 * a million counter increments. Memory does not grow with the number of items.
 *
 * @example
 * ```ts
 * const app = define<object>().step({ name: "digest" })
 * const display = createDisplay({ stream: process.stderr, clock: systemClock, title: "digest", unit: "document" })
 * try {
 *   await app.run({}, { onEvent: display.observe })
 * } finally {
 *   display.stop()
 * }
 * ```
 */
export function createDisplay(options: DisplayOptions): Display {
  checkOptions("createDisplay", options, checks)
  const { stream, clock, title, unit } = options
  const tally = new ProgressTally(clock.now(), options.node)
  const state = (): FrameState => {
    const total = options.total?.()
    const quotas = options.quotas?.()
    return tally.state(clock.now(), {
      title,
      unit,
      ...(total === undefined ? {} : { total }),
      ...(quotas ? { quotas } : {}),
      ...(options.cut && { cut: options.cut() }),
    })
  }
  const { isTTY, columns, color, env, keys } = options
  const failures = (): ReturnType<ProgressTally["takeFailures"]> => tally.takeFailures()
  const drawing = drawFrames({ stream, clock, state, failures, isTTY, columns, color, env, keys })
  return {
    isLive: drawing.isLive,
    observe(event) {
      tally.observe(event)
      // The live part shows the last ones; among lines there is no other place.
      if (!drawing.isLive && event.type === "warning") drawing.print(event.message)
    },
    print: drawing.print,
    state,
    stop: drawing.stop,
  }
}
