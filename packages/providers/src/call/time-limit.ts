import type { Clock } from "@sluice/core"

/** One attempt's own signal, which aborts when `ms` pass before `disarm` is called; `of`: the option that says so. */
export interface TimeLimit {
  readonly controller: AbortController
  readonly disarm: () => void
}

export function timeLimit(clock: Clock, ms: number, of = "timeoutMs"): TimeLimit {
  const controller = new AbortController()
  const disarm = clock.setTimer(ms, () =>
    controller.abort(new DOMException(`no answer within ${Math.round(ms)} ms (${of})`, "TimeoutError")),
  )
  return { controller, disarm }
}
