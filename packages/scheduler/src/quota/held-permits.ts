import type { LivePermit } from "./permit.ts"

/** The permits of a quota that are held. The list is its members' own: a set would cost as much as the arithmetic of admission. */
export class HeldPermits {
  /** Nobody's. As long as a permit lives, V8 forgets neither the shape of permits nor what was compiled for it. */
  readonly #head: LivePermit

  constructor(head: LivePermit) {
    this.#head = head
  }

  get newest(): LivePermit | undefined {
    return this.#head.next
  }

  add(permit: LivePermit): void {
    const { newest } = this
    permit.previous = this.#head
    permit.next = newest
    if (newest) newest.previous = permit
    this.#head.next = permit
  }

  remove({ previous, next }: LivePermit): void {
    previous!.next = next
    if (next) next.previous = previous
  }
}
