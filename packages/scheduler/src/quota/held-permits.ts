import type { LivePermit } from "./permit.ts"

/** The permits of a quota that are held. The list is its members' own: a set would cost as much as the arithmetic of admission. */
export class HeldPermits {
  newest: LivePermit | undefined

  add(permit: LivePermit): void {
    permit.next = this.newest
    if (this.newest) this.newest.previous = permit
    this.newest = permit
  }

  remove(permit: LivePermit): void {
    if (permit.previous) permit.previous.next = permit.next
    else this.newest = permit.next
    if (permit.next) permit.next.previous = permit.previous
  }
}
