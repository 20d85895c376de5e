import type { Clock } from "@sluice/core"
import { createLogUpdate } from "log-update"
import picocolors from "picocolors"
import type { FrameState } from "./frame-state.ts"
import { printable } from "./printable.ts"
import { formatCount } from "./quantities.ts"
import { renderFrame } from "./render-frame.ts"
import { renderLine } from "./render-line.ts"
import { terminalSignals } from "./terminal-signals.ts"

export interface DrawOptions {
  readonly stream: NodeJS.WritableStream
  readonly clock: Clock
  /** What a frame shows; asked once for each. */
  readonly state: () => FrameState
  /** What has failed since it was asked the last time; among plain lines it is told below each. */
  readonly failures?: () => { readonly count: number; readonly last: readonly string[] }
  readonly isTTY?: boolean | undefined
  readonly columns?: (() => number) | undefined
  readonly color?: boolean | undefined
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** What the keys do now, below a frame that is drawn in place. */
  readonly keys?: (() => string | undefined) | undefined
}

/** Frames that are being drawn. */
export interface Drawing {
  /** In place, on a terminal; otherwise lines. */
  readonly isLive: boolean
  /** A line that stays. */
  readonly print: (line: string) => void
  /** Draws the last frame. A second call does nothing. */
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

/** Draws a frame at each tick of one timer: in place on a terminal, as a plain line now and then elsewhere. */
export function drawFrames({ stream, clock, state, failures, env, keys, ...options }: DrawOptions): Drawing {
  const terminal = stream as Partial<NodeJS.WriteStream>
  const isTTY = options.isTTY ?? terminal.isTTY === true
  const colors = picocolors.createColors(options.color ?? (isTTY && picocolors.isColorSupported))
  const columns = options.columns ?? ((): number => terminal.columns ?? displayDefaults.columns)
  const update = isTTY ? createLogUpdate(stream) : undefined
  const signals = isTTY && env ? terminalSignals(env) : undefined

  let stopped = false
  const draw = (): void => {
    const now = state()
    if (!update) return drawLine(now)
    const help = stopped ? undefined : keys?.()
    update(renderFrame(help === undefined ? now : { ...now, keys: help }, columns(), colors))
    if (signals) stream.write(signals.show(now))
  }
  const drawLine = (now: FrameState): void => {
    const { count, last } = failures?.() ?? { count: 0, last: [] }
    const more = count > last.length ? [`… and ${formatCount(count - last.length)} more before`] : []
    const notes = [...more, ...last].map((text) => `! ${printable(text)}`)
    stream.write(`${[renderLine(now), ...notes].join("\n")}\n`)
  }

  let cancelTimer: () => void
  const tick = (): void => {
    draw()
    cancelTimer = clock.setTimer(update ? displayDefaults.frameMs : displayDefaults.lineMs, tick)
  }
  cancelTimer = clock.setTimer(update ? 0 : displayDefaults.lineMs, tick)

  return {
    isLive: update !== undefined,
    print(line) {
      if (update && !stopped) {
        update.persist(printable(line))
        draw()
      } else stream.write(`${printable(line)}\n`)
    },
    stop() {
      if (stopped) return
      stopped = true
      cancelTimer()
      draw()
      update?.done()
      if (signals) stream.write(signals.end())
    },
  }
}
