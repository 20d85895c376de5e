import type { Clock, SluiceEvent } from "@sluice/core"
import { createLogUpdate } from "log-update"
import picocolors from "picocolors"
import type { FrameState } from "./frame-state.ts"
import { ProgressTally } from "./progress-tally.ts"
import type { QuotaReading } from "./quota-reading.ts"
import { renderFrame } from "./render-frame.ts"
import { renderLine } from "./render-line.ts"
import { printable } from "./printable.ts"

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
  /** Redraws in place when true, writes plain lines otherwise. Default: whether the stream is a terminal. */
  readonly isTTY?: boolean
  /** Default: the stream's width as it is at each frame, else 80. */
  readonly columns?: () => number
  /** Default: on a terminal, unless `NO_COLOR` or a dumb terminal says otherwise. */
  readonly color?: boolean
}

/** A running display. Hand `observe` to a run's `onEvent`; call `stop` when the run has ended, however it ended. */
export interface Display {
  readonly observe: (event: SluiceEvent) => void
  /** A line that stays: above the live part on a terminal, in its place among the lines otherwise. */
  readonly print: (line: string) => void
  /** What the next frame would show. */
  readonly state: () => FrameState
  /** Draws the last frame and ends the timer. A second call does nothing. */
  readonly stop: () => void
}

/** Defaults of the display, each with its reason. */
export const displayDefaults: Readonly<{ frameMs: number; lineMs: number; columns: number }> = Object.freeze({
  /** Eight frames a second look alive and cost nothing. */
  frameMs: 125,
  /** A log wants a sign of life, not a film. */
  lineMs: 5_000,
  /** What a terminal has that does not say. */
  columns: 80,
})

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
  const { stream, clock, title, unit } = options
  const terminal = stream as Partial<NodeJS.WriteStream>
  const isTTY = options.isTTY ?? terminal.isTTY === true
  const colors = picocolors.createColors(options.color ?? (isTTY && picocolors.isColorSupported))
  const columns = options.columns ?? ((): number => terminal.columns ?? displayDefaults.columns)
  const tally = new ProgressTally(clock.now(), options.node)
  const update = isTTY ? createLogUpdate(stream) : undefined

  const state = (): FrameState => {
    const total = options.total?.()
    const quotas = options.quotas?.()
    return tally.state(clock.now(), {
      title,
      unit,
      ...(total === undefined ? {} : { total }),
      ...(quotas ? { quotas } : {}),
    })
  }
  const draw = (): void => {
    if (update) update(renderFrame(state(), columns(), colors))
    else stream.write(`${renderLine(state())}\n`)
  }

  let stopped = false
  let cancelTimer: () => void
  const tick = (): void => {
    draw()
    cancelTimer = clock.setTimer(update ? displayDefaults.frameMs : displayDefaults.lineMs, tick)
  }
  cancelTimer = clock.setTimer(update ? 0 : displayDefaults.lineMs, tick)

  return {
    observe(event) {
      tally.observe(event)
      // The live part shows the last ones; among lines there is no other place.
      if (!update && event.type === "warning") stream.write(`${printable(event.message)}\n`)
    },
    print(line) {
      if (update && !stopped) {
        update.persist(printable(line))
        draw()
      } else stream.write(`${printable(line)}\n`)
    },
    state,
    stop() {
      if (stopped) return
      stopped = true
      cancelTimer()
      draw()
      update?.done()
    },
  }
}
