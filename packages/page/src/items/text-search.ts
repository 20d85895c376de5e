/** Looks for text a page at a time; items that come later are looked at too. */
export interface TextSearch {
  /** Rows that have it. */
  readonly found: ReadonlySet<number>
  /** How much was looked at, from 0 to 1. */
  share(count: number): number
  /** Looks at what is new. */
  goOn(): void
  stop(): void
}
