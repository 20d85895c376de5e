import type { SluiceEvent } from "@sluice/core"
import type { ControlAction, RunStatus } from "./wire.ts"

export type ControlEvent = Extract<SluiceEvent, { type: "control" }>

/** What somebody may do to a run from its page. */
export interface PageControls {
  /** Sends no further calls; `fetch.pause` does that. */
  readonly pause?: () => void
  readonly resume?: () => void
  /** Begins nothing more and finishes what is in flight. */
  readonly drain?: () => void
  /** Ends what is in flight too. */
  readonly stop?: () => void
  /** New limits, by the names of `limitedFetch`; `fetch.update` takes them. Throws when one makes no sense. */
  readonly update?: (limits: Readonly<Record<string, number>>) => void
  /** Asks failed items again, after the others. Once is enough: it is not wanted anew before that has begun (`begin`, or a run's `run-start`). */
  readonly retryFailed?: () => void
}

/** Limits that can be changed from the page. */
export const changeable: readonly string[] = [
  "requestsPerMinute",
  "tokensPerMinute",
  "inputTokensPerMinute",
  "outputTokensPerMinute",
  "requestsPerDay",
  "concurrency",
  "budgetUsd",
]

const doers: Readonly<Record<ControlAction, keyof PageControls>> = {
  pause: "pause",
  resume: "resume",
  drain: "drain",
  stop: "stop",
  update: "update",
  "retry-failed": "retryFailed",
}

/** How a run does after what somebody did to it; what is absent changes nothing of that. */
export const statusAfter: Readonly<Partial<Record<ControlAction, RunStatus>>> = {
  pause: "paused",
  resume: "running",
  drain: "draining",
  stop: "draining",
}

/** What can be done now: to a run that is over, only to ask its failed items again. */
export function actionsOf(controls: PageControls, isOver: boolean): ControlAction[] {
  return (Object.keys(doers) as ControlAction[]).filter(
    (action) => controls[doers[action]] && (!isOver || action === "retry-failed"),
  )
}

/** A request of the page, checked. Throws what is said to whoever made it. */
export function parseControl(body: unknown): { action: ControlAction; changes?: Record<string, number> } {
  const { action, changes } = (body ?? {}) as { action?: unknown; changes?: unknown }
  if (typeof action !== "string" || !Object.hasOwn(doers, action)) throw new Error("There is no such action.")
  const known = action as ControlAction
  if (known !== "update") return { action: known }
  const entries = Object.entries((changes ?? {}) as Record<string, unknown>)
  if (entries.length === 0) throw new Error("Nothing is to be changed.")
  for (const [name, value] of entries) {
    if (!changeable.includes(name)) throw new Error(`There is no limit "${name}".`)
    if (typeof value !== "number" || !(value > 0) || value === Infinity)
      throw new Error(`${name} must be a number above 0.`)
    if (name === "concurrency" && !Number.isSafeInteger(value))
      throw new Error("concurrency must be a whole number of at least 1.")
    // Below that nothing could ever be sent.
    if (name !== "budgetUsd" && value < 1) throw new Error(`${name} must be at least 1.`)
  }
  return { action: known, changes: Object.fromEntries(entries) as Record<string, number> }
}

export function carryOut(controls: PageControls, action: ControlAction, changes?: Record<string, number>): void {
  const name = doers[action]
  if (!controls[name]) throw new Error("This run cannot do that.")
  if (name === "update") controls.update?.(changes ?? {})
  else controls[name]?.()
}

/** Changes of a run as its journal has them, where the command noted them: those after a moment. */
export function notedControls(note: unknown, afterWallMs: number): (Omit<ControlEvent, "atMs"> & { wallMs: number })[] {
  if (!Array.isArray(note)) return []
  return (note as readonly (Partial<ControlEvent> & { readonly at?: unknown })[])
    .map((entry) => ({ ...entry, wallMs: Date.parse(String(entry?.at)) }))
    .filter(
      ({ wallMs, by, action = "" }) => wallMs > afterWallMs && typeof by === "string" && Object.hasOwn(doers, action),
    )
    .map(({ wallMs, action, by, changes }) => {
      return { type: "control", wallMs, action: action!, by: by!, ...(changes && { changes }) }
    })
}
