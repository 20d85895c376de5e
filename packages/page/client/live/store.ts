import { useEffect, useState } from "preact/hooks"

/** What a page knows, and who draws it. */
export class Store<T> {
  current: T
  readonly #listeners = new Set<() => void>()

  constructor(first: T) {
    this.current = first
  }

  become(next: T): void {
    this.current = next
    for (const listener of this.#listeners) listener()
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}

/** What is known now; draws anew when that changes. */
export function useStore<T>(store: Store<T>): T {
  const [known, setKnown] = useState(store.current)
  useEffect(() => store.subscribe(() => setKnown(store.current)), [store])
  return known
}
