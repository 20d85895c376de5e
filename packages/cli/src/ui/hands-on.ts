import type { Clock } from "@sluice/core"
import { type SqliteRunJournal, userName } from "@sluice/journal"
import type { LimitedFetch } from "@sluice/providers"
import type { ControlEvent, PageControls } from "@sluice/page"
import type { Interruption } from "../run/interruption.ts"

/** What a run's items are mapped by, as far as it can be changed. */
export interface RunningMap {
  concurrency: number | "auto"
}

export interface HandsOnOptions {
  readonly fetch: LimitedFetch
  readonly interruption: Interruption
  readonly run: SqliteRunJournal
  readonly clock: Clock
  /** Leaves batches and says so, as the first Ctrl-C does. */
  readonly drain: () => void
  readonly retryFailed?: (() => void) | undefined
  /** Who shows the run hears what was done at the terminal; of what is done on the page, the page tells. */
  readonly tell: (event: ControlEvent) => void
}

/** Those of a run are the notes of its journal; so many are kept. */
const mostKept = 1_000
const note = "control"

/** What somebody does to a run while it runs, from its page or at the terminal. Each change is noted in the journal, with who and when. */
export class HandsOn {
  /** The limits that somebody has changed, as they are now. */
  changed: Readonly<Record<string, number>> | undefined
  readonly controls: PageControls
  readonly #options: HandsOnOptions
  /** Of this run, those of earlier commands too. */
  #kept: readonly unknown[]
  #map: RunningMap | undefined

  constructor(options: HandsOnOptions) {
    this.#options = options
    const before = options.run.note(note)
    this.#kept = Array.isArray(before) ? before : []
    const { fetch, interruption, retryFailed } = options
    this.controls = {
      pause: () => fetch.pause(),
      resume: () => fetch.resume(),
      drain: () => {
        // Who waits for a pause to end would never be finished.
        fetch.resume()
        options.drain()
      },
      stop: () => {
        interruption.leave()
        fetch.resume()
      },
      update: (limits) => this.#update(limits),
      ...(retryFailed && { retryFailed }),
    }
  }

  /** The items' map, once there is one. */
  set map(map: RunningMap) {
    this.#map = map
    this.#bound()
  }

  get isPaused(): boolean {
    return this.#options.fetch.isPaused
  }

  /** How many calls there may be at once, as far as a number bounds them. */
  get concurrency(): number | undefined {
    const bound = this.#map?.concurrency
    return this.changed?.["concurrency"] ?? (typeof bound === "number" ? bound : undefined)
  }

  /** Does what somebody at the terminal wants, tells it and notes it. */
  act(action: "pause" | "resume" | "drain" | "update", changes?: Readonly<Record<string, number>>): void {
    if (action === "update") this.#update(changes ?? {})
    else this.controls[action]?.()
    const by = `${userName()}, terminal`
    const event = { type: "control", atMs: this.#options.clock.now(), action, by, ...(changes && { changes }) } as const
    this.#options.tell(event)
    this.keep(event)
  }

  /** Notes what was done in the journal. */
  keep({ action, by, changes }: ControlEvent): void {
    const { run, clock } = this.#options
    const entry = { at: new Date(clock.wallNow()).toISOString(), action, by, ...(changes && { changes }) }
    this.#kept = [...this.#kept.slice(1 - mostKept), entry]
    // A journal that cannot be written ends the run at its next item.
    run.putNote(note, this.#kept).catch(() => {})
  }

  #update(limits: Readonly<Record<string, number>>): void {
    this.#options.fetch.update(limits)
    this.changed = { ...this.changed, ...limits }
    this.#bound()
  }

  #bound(): void {
    const concurrency = this.changed?.["concurrency"]
    if (concurrency !== undefined && typeof this.#map?.concurrency === "number") this.#map.concurrency = concurrency
  }
}
