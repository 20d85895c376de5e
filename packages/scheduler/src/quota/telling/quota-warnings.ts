import type { EventSink, Settlement } from "@sluice/core"
import { tellWarning } from "@sluice/core/internal"
import type { Consequence } from "../ledger.ts"

/** A gate that a vendor holds shut for a minute at a time is nothing unusual; nothing but refusals for longer is. */
const silenceMs = 30_000
/** Who keeps to one delay, and then to another, is not stuck yet. */
const fewestClosings = 3

/** What a quota warns of, whether or not somebody listens. */
export class QuotaWarnings {
  readonly #quota: string
  readonly #sink: EventSink | undefined
  /** Since the last call that was not refused. */
  #refusals = 0
  #closings = 0
  #sinceMs = 0
  #isTold = false

  constructor(quota: string, sink: EventSink | undefined) {
    this.#quota = quota
    this.#sink = sink
  }

  settled(atMs: number, end: Settlement, consequence: Consequence): void {
    if (consequence.warning) tellWarning(this.#sink, atMs, consequence.warning.code, consequence.warning.message)
    if (end.outcome === "success") {
      this.#refusals = this.#closings = 0
      this.#isTold = false
    }
    if (end.outcome !== "throttled" || consequence.fatal) return
    if (this.#refusals++ === 0) this.#sinceMs = atMs
    if (consequence.closed) this.#closings++
    const ms = atMs - this.#sinceMs
    if (this.#isTold || ms < silenceMs || this.#closings < fewestClosings) return
    this.#isTold = true
    const said = end.message ? ` The vendor's last words: "${end.message.slice(0, 300)}".` : ""
    const { closed } = consequence
    const next = closed ? ` The next call goes in ${seconds(closed.untilMs - atMs)}.` : ""
    tellWarning(
      this.#sink,
      atMs,
      "only-refusals",
      `${this.#quota}: for ${seconds(ms)} every call was refused (${this.#refusals} refusals, the last for: ${end.reason}).${said}${next} Check the account's limits and who else uses its key; see "My 429s do not go away" in the documentation.`,
    )
  }
}

const seconds = (ms: number): string => `${Math.round(ms / 1_000)} s`
