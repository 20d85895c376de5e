import type { Ask } from "@sluice/scheduler"
import { amountsOf, nothing, plus } from "./wire/amounts.ts"
import type { Amounts, Want } from "./wire/turn.ts"

/** A permit with a date: taken from the shared quota, to be started then or later. */
export interface Ticket {
  startMs: number
  readonly amounts: Amounts
  readonly place: boolean
  readonly priority: number
  /** It was asked for then. */
  readonly askedMs: number
}

/** Clocks and timers are this exact. */
const toleranceMs = 0.3
/** What nobody has taken for so long after its time is for nobody: what it stood for is others' by now, at the vendor. */
export const staleMs = 250

/** The tickets of one process, by date. Whoever is first in line when one is due takes it, if its cost fits. */
export class Tickets {
  #list: Ticket[] = []
  /** Held still, and to go back with the next turn. */
  #stale: Ticket[] = []

  get size(): number {
    return this.#list.length + this.#stale.length
  }

  get places(): number {
    return this.#all.reduce((sum, { place }) => sum + (place ? 1 : 0), 0)
  }

  get amounts(): Amounts {
    return this.#all.reduce((sum, { amounts }) => plus(sum, amounts), nothing)
  }

  get #all(): readonly Ticket[] {
    return this.#stale.length > 0 ? [...this.#stale, ...this.#list] : this.#list
  }

  /** The first of `wants` may start in so many milliseconds each. Returns what they hold together. */
  grant(startsInMs: readonly number[], wants: readonly Want[], nowMs: number, askedMs: number): Amounts {
    let granted = nothing
    for (const [index, inMs] of startsInMs.entries()) {
      const [requests, input, output, usd, place, priority] = wants[index]!
      const amounts: Amounts = [requests, input, output, usd]
      this.add({ startMs: nowMs + inMs, amounts, place: place === 1, priority, askedMs })
      granted = plus(granted, amounts)
    }
    return granted
  }

  add(ticket: Ticket): void {
    const at = this.#list.findLastIndex(({ startMs }) => startMs <= ticket.startMs)
    this.#list.splice(at + 1, 0, ticket)
  }

  /** When the first that is large enough is due: not later than now, later, or never. */
  dueMs(ask: Ask): number {
    const amounts = amountsOf(ask.cost)
    return this.#list.find((ticket) => fits(ticket, amounts, ask.place))?.startMs ?? Infinity
  }

  /** Removes and returns one for `ask` that is due. */
  take(nowMs: number, ask: Ask): Ticket | undefined {
    const amounts = amountsOf(ask.cost)
    const at = this.#list.findIndex((ticket) => fits(ticket, amounts, ask.place))
    if (at < 0 || this.#list[at]!.startMs > nowMs + toleranceMs) return undefined
    return this.#list.splice(at, 1)[0]
  }

  isDue(nowMs: number, ask: Ask): boolean {
    // This process stood still: from now on no ticket is for whoever waited for one of these, and it asks anew.
    const fresh = this.#list.findIndex(({ startMs }) => startMs >= nowMs - staleMs)
    if (fresh !== 0) this.#stale.push(...this.#list.splice(0, fresh < 0 ? this.#list.length : fresh))
    return this.dueMs(ask) <= nowMs + toleranceMs
  }

  hasDue(nowMs: number): boolean {
    const first = this.#list[0]
    return first !== undefined && first.startMs <= nowMs + toleranceMs
  }

  /** Of `asks`, in their order, up to `most` that no ticket is for; and the tickets that none of them needs, if they were all seen. */
  match(asks: Iterable<Ask>, most: number): { readonly uncovered: readonly Ask[]; readonly spare: readonly Ticket[] } {
    const free = [...this.#list]
    const uncovered: Ask[] = []
    for (const ask of asks) {
      const amounts = amountsOf(ask.cost)
      const at = free.findIndex((ticket) => fits(ticket, amounts, ask.place))
      if (at >= 0) free.splice(at, 1)
      else if (uncovered.push(ask) === most) return { uncovered, spare: [] }
    }
    return { uncovered, spare: free }
  }

  /** Removes those that `which` says. */
  remove(which: (ticket: Ticket) => boolean): Ticket[] {
    const removed = this.#all.filter(which)
    const stays = (ticket: Ticket): boolean => !which(ticket)
    if (removed.length > 0) [this.#list, this.#stale] = [this.#list.filter(stays), this.#stale.filter(stays)]
    return removed
  }

  /** Something more urgent goes first: what is less urgent and not due yet starts later. */
  delay(nowMs: number, priority: number, byMs: number): void {
    for (const ticket of this.#list) {
      if (ticket.priority < priority && ticket.startMs > nowMs + toleranceMs) ticket.startMs += byMs
    }
    this.#list.sort((a, b) => a.startMs - b.startMs)
  }
}

function fits(ticket: Ticket, [requests, input, output, usd]: Amounts, place: boolean): boolean {
  const { amounts } = ticket
  return (
    ticket.place === place &&
    requests <= amounts[0] &&
    requests > 0 === amounts[0] > 0 &&
    input <= amounts[1] &&
    output <= amounts[2] &&
    usd <= amounts[3]
  )
}
