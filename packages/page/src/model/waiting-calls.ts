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

export function reasonWords(blockedBy: string): string {
  return blockedBy === "gate" ? "the gate to open" : limitWords(blockedBy)
}
