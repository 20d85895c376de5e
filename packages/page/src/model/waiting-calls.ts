import type { SluiceEvent } from "@sluice/core"
import type { WaitingFor } from "../wire.ts"
import { limitWords } from "../chart/mark-words.ts"

type WaitEvent = Extract<SluiceEvent, { type: "permit-wait" | "permit-admit" | "permit-leave" }>

/** Calls that wait for admission, by what each began to wait for. */
export class WaitingCalls {
  readonly #reasons = new Map<string, number>()

  hear(event: WaitEvent): void {
    if (event.blockedBy === undefined) return
    const reason = reasonWords(event.blockedBy)
    const calls = (this.#reasons.get(reason) ?? 0) + (event.type === "permit-wait" ? 1 : -1)
    // Who was listened to in the middle of a wait is not missing later.
    if (calls > 0) this.#reasons.set(reason, calls)
    else this.#reasons.delete(reason)
  }

  get now(): ReadonlyMap<string, number> {
    return this.#reasons
  }

  list(): WaitingFor[] {
    return Array.from(this.#reasons, ([reason, calls]) => ({ reason, calls })).toSorted((a, b) => b.calls - a.calls)
  }
}

/** A limit's name has few values, and each call has one: its words are made once. */
const words = new Map<string, string>([["gate", "the gate to open"]])
const mostWords = 1_000

export function reasonWords(blockedBy: string): string {
  let known = words.get(blockedBy)
  if (known === undefined) {
    known = limitWords(blockedBy)
    if (words.size < mostWords) words.set(blockedBy, known)
  }
  return known
}
