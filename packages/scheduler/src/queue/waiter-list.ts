/** A place in the queue; removed in constant time. */
export interface ListedWaiter {
  readonly priority: number
  /** The order of arrival. */
  readonly ticket: number
  previous: ListedWaiter | undefined
  next: ListedWaiter | undefined
}

/** How many later arrivals one step of priority is worth: it is a head start, so nobody waits for ever. */
export const headStart = 100

/** First come, first served, with a head start by priority. One linked list for each priority in use. */
export class WaiterList<T extends ListedWaiter> {
  readonly #lists = new Map<number, { head: T; tail: T }>()
  size = 0

  push(waiter: T): void {
    const list = this.#lists.get(waiter.priority)
    if (list) {
      waiter.previous = list.tail
      list.tail.next = waiter
      list.tail = waiter
    } else this.#lists.set(waiter.priority, { head: waiter, tail: waiter })
    this.size++
  }

  /** Who is next. */
  first(): T | undefined {
    let first: T | undefined
    for (const { head } of this.#lists.values()) if (!first || turn(head) < turn(first)) first = head
    return first
  }

  remove(waiter: T): void {
    const list = this.#lists.get(waiter.priority)!
    if (waiter.previous) waiter.previous.next = waiter.next
    else if (waiter.next) list.head = waiter.next as T
    else this.#lists.delete(waiter.priority)
    if (waiter.next) waiter.next.previous = waiter.previous
    else if (waiter.previous) list.tail = waiter.previous as T
    waiter.previous = waiter.next = undefined
    this.size--
  }
}

function turn({ ticket, priority }: ListedWaiter): number {
  return ticket - priority * headStart
}
