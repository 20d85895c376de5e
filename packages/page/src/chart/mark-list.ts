import type { ToldEvent } from "../told-event.ts"
import type { Mark } from "../wire.ts"
import { count, duration, limitWords, mostMarks } from "./mark-words.ts"

type Told = ToldEvent<"throttle" | "limit-change" | "gate-close" | "gate-open" | "control" | "warning">

/** The same again within this long is one mark. */
const togetherMs = 5_000

/** What the vendor said and what was changed for it, in words, by the moment. */
export class MarkList {
  readonly #marks: Mark[] = []
  readonly #at: (atMs: number) => number
  /** Of the last of a sort. */
  readonly #last = new Map<string, Mark>()
  /** Gates that are closed, by their quota. */
  readonly #closed = new Map<string, Mark>()
  #changed = new Set<number>()
  #next = 1

  constructor(at: (atMs: number) => number) {
    this.#at = at
  }

  get all(): readonly Mark[] {
    return this.#marks
  }

  /** Those that are new or have changed since it was asked last. */
  changes(): Mark[] {
    const changed = this.#changed
    this.#changed = new Set()
    return changed.size === 0 ? [] : this.#marks.filter(({ id }) => changed.has(id))
  }

  hear(event: Told): void {
    const atMs = this.#at(event.atMs)
    switch (event.type) {
      case "throttle":
        return void this.#add(`${event.reason} ${event.dimension} ${event.cause}`, "refused", atMs, refusedWords(event))
      case "limit-change": {
        const { dimension, from, to, reason } = event
        const words = `${limitWords(dimension)}: ${count(from)} → ${count(to)} (${reason}).`
        return void this.#add(`${dimension} ${reason} ${Math.sign(to - from)}`, "limit", atMs, words)
      }
      case "gate-close": {
        const untilMs = this.#at(event.untilMs)
        const before = this.#closed.get(event.quota)
        const why = event.reason === "outage" ? "the vendor does not answer" : "the vendor refused calls"
        const ms = untilMs - (before?.atMs ?? atMs)
        const words =
          ms < 1 ? `All calls wait for one that goes ahead: ${why}.` : `All calls wait ${duration(ms)}: ${why}.`
        const mark = before
          ? this.#replace(before, { ...before, text: words, untilMs })
          : this.#add(`gate ${this.#next}`, "gate", atMs, words, untilMs)
        return void this.#closed.set(event.quota, mark)
      }
      case "gate-open": {
        const closed = this.#closed.get(event.quota)
        if (closed) this.#replace(closed, { ...closed, untilMs: atMs })
        this.#closed.delete(event.quota)
        return
      }
      case "control":
        return void this.#add(`control ${this.#next}`, "control", atMs, controlWords(event))
      case "warning":
        return void this.#add(event.code + event.message, "warning", atMs, event.message)
      default:
    }
  }

  #add(sort: string, kind: Mark["kind"], atMs: number, text: string, untilMs?: number): Mark {
    const last = this.#last.get(sort)
    if (last && atMs - last.atMs < togetherMs && this.#marks.includes(last)) {
      const again = this.#replace(last, { ...last, text, count: last.count + 1 })
      this.#last.set(sort, again)
      return again
    }
    const mark: Mark = { id: this.#next++, atMs, kind, text, count: 1, ...(untilMs !== undefined && { untilMs }) }
    this.#marks.push(mark)
    if (this.#marks.length > mostMarks) this.#marks.shift()
    this.#last.set(sort, mark)
    if (this.#last.size > mostMarks) this.#last.delete(this.#last.keys().next().value!)
    this.#changed.add(mark.id)
    return mark
  }

  #replace(before: Mark, after: Mark): Mark {
    const at = this.#marks.indexOf(before)
    if (at === -1) return after
    this.#marks[at] = after
    this.#changed.add(after.id)
    return after
  }
}

const reasons: Readonly<Record<string, string>> = {
  rate: "too fast",
  places: "too many calls at once",
  ramp: "growing too fast",
  overloaded: "no capacity",
  daily: "the day's total is gone",
  billing: "money or access",
}

function refusedWords({ reason, dimension, retryAfterMs, cause, observed }: ToldEvent<"throttle">): string {
  const what = dimension === undefined ? "" : `, ${limitWords(dimension)}`
  const later = retryAfterMs === undefined ? "" : `, "again in ${duration(retryAfterMs)}"`
  const said = `The vendor refused: ${reasons[reason] ?? reason}${what}${later}.`
  return cause === undefined ? said : `${said} Taken for ${cause}${observed === undefined ? "" : `: ${observed}`}.`
}

function controlWords({ action, by, changes }: ToldEvent<"control">): string {
  const words: Readonly<Record<typeof action, string>> = {
    pause: "Paused",
    resume: "Resumed",
    drain: "Finishing what is in flight",
    stop: "Stopped",
    update: `Changed: ${Object.entries(changes ?? {})
      .map(([name, to]) => `${limitWords(name)} ${count(to)}`)
      .join(", ")}`,
    "retry-failed": "Failed items are asked again",
  }
  return `${words[action]} (${by}).`
}
