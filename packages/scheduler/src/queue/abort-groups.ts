import { onAbort } from "./on-abort.ts"

/** Those who leave with one signal. Whoever has left already stays among the members for a while. */
export interface AbortGroup {
  readonly signal: AbortSignal
  readonly forget: () => void
  members: Member[]
  live: number
}

interface Member {
  group: AbortGroup | undefined
}

/**
 * `onAbort` for very many at once: each costs a place in an array instead of a closure, and they leave together, so that their
 * owner looks only once for who is next.
 */
export class AbortGroups<M extends Member> {
  readonly #groups = new Map<AbortSignal, AbortGroup>()
  readonly #leave: (member: M, reason: unknown) => void
  /** A whole group is leaving: no use in looking for the next between two of them. */
  isAborting: boolean = false

  constructor(leave: (member: M, reason: unknown) => void) {
    this.#leave = leave
  }

  join(member: M, signal: AbortSignal): void {
    let group = this.#groups.get(signal)
    if (!group) {
      const made: AbortGroup = { signal, forget: onAbort(signal, () => this.#abort(made)), members: [], live: 0 }
      this.#groups.set(signal, (group = made))
    }
    group.members.push(member)
    group.live++
    member.group = group
  }

  part(member: M): void {
    const { group } = member
    if (!group) return
    member.group = undefined
    if (--group.live === 0) {
      this.#groups.delete(group.signal)
      group.forget()
    } else if (!this.isAborting && group.members.length > 2 * group.live + 64) {
      group.members = group.members.filter((one) => one.group === group)
    }
  }

  #abort(group: AbortGroup): void {
    this.isAborting = true
    const { signal } = group
    let last: M | undefined
    for (const member of group.members as M[]) {
      if (member.group !== group) continue
      // One that went with another before its turn has left already.
      if (last?.group === group) this.#leave(last, signal.reason)
      last = member
    }
    this.isAborting = false
    // The last one leaves in the ordinary way, which looks for the next in line.
    if (last?.group === group) this.#leave(last, signal.reason)
  }
}
