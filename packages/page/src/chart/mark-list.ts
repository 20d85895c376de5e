import type { ToldEvent } from "../told-event.ts"
import type { Mark } from "../wire.ts"
import { count, duration, limitWords, mostMarks, refusedWords } from "./mark-words.ts"

type Told = ToldEvent<"throttle" | "limit-change" | "gate-close" | "gate-open" | "control" | "warning">

/** The same again within this long is one mark. */
const togetherMs = 5_000

interface LimitSteps {
  readonly mark: Mark
  readonly sort: string
  readonly from: number
  readonly steps: number
  /** Of the last step. */
  readonly atMs: number
}

/** What the vendor said and what was changed for it, in words, by the moment. */
export class MarkList {
  readonly #marks: Mark[] = []
  readonly #at: (atMs: number) => number
  /** Of the last of a sort. */
  readonly #last = new Map<string, Mark>()
  /** Gates that are closed, by their quota. */
  readonly #closed = new Map<string, Mark>()
  /** The last change of each limit. */
  readonly #steps = new Map<string, LimitSteps>()
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
      case "limit-change":
        return this.#change(event, atMs)
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

  /** Steps of a limit in one direction, for a reason of one sort, are one change: from where it began to where it is. */
  #change({ quota, dimension, from, to, reason }: ToldEvent<"limit-change">, atMs: number): void {
    // Reasons differ in their numbers: "refused at 6 in flight", "refused above 4".
    const sort = `${Math.sign(to - from)} ${/[a-z]+/.exec(reason)?.[0] ?? ""}`
    const limit = `${quota} ${dimension}`
    const before = this.#steps.get(limit)
    const known =
      before?.sort === sort && atMs - before.atMs < togetherMs && this.#marks.includes(before.mark) ? before : undefined
    const [first, steps] = known ? [known.from, known.steps + 1] : [from, 1]
    const way = `${count(first)} → ${count(to)}${steps > 1 ? ` in ${count(steps)} steps` : ""}`
    const text = `${limitWords(dimension)}: ${way} (${reason}).`
    const mark = known
      ? this.#replace(known.mark, { ...known.mark, text })
      : this.#add(`limit ${this.#next}`, "limit", atMs, text)
    this.#steps.set(limit, { mark, sort, from: first, steps, atMs })
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

function controlWords({ action, by, changes }: ToldEvent<"control">): string {
  const words: Readonly<Record<typeof action, string>> = {
    pause: "Paused",
    resume: "Resumed",
    drain: "Finishing what is in flight",
    stop: "Stopped",
    update: `Changed: ${Object.entries(changes ?? {})
      .map(([name, to]) => `${limitWords(name)} ${count(to)}`)
      .join(", ")}`,
    "retry-failed": "Failed items are to be asked again",
  }
  return `${words[action]} (${by}).`
}
