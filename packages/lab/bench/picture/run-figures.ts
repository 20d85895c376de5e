import type { Sample } from "../quota/messages.ts"

/** What one contestant did. */
export interface RunFigures {
  readonly name: string
  readonly calls: number
  readonly answered: number
  readonly refused: number
  /** From the first call until the last answer. */
  readonly timeMs: number
  readonly timeline: readonly Sample[]
}

/** Runs of one scenario, each against a vendor of its own. */
export interface PictureFigures {
  /** The benchmark's own name of it. */
  readonly scenario: string
  readonly title: string
  readonly machine: string
  /** What the vendor's limit refills. */
  readonly tokensPerSecond: number
  /** The least time possible. */
  readonly oracleMs: number
  readonly runs: readonly RunFigures[]
}
