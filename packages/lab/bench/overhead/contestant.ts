/** Runs all items, as often as it is called, and returns how many were done; whoever leaves one out is disqualified. */
export type Run = () => Promise<number>

export interface Contestant {
  readonly name: string
  /** Its library, for the list of versions. */
  readonly package?: string
  /** The most it is given: more would take minutes. Default: any number. */
  readonly most?: number
  /** Loads its library, and builds what is not to be timed. */
  readonly prepare: (items: number) => Run | Promise<Run>
}

/** One table of the report. */
export interface Measure {
  readonly title: string
  /** What one item is, in one sentence. */
  readonly what: string
  readonly contestants: readonly Contestant[]
}

/** Calls at once, wherever a contestant takes such a number. */
export const WORKERS = 100
