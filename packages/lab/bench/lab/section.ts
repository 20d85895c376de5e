/** What one part of `pnpm bench:lab` found. */
export interface Section {
  readonly title: string
  /** Lines of Markdown. */
  readonly text: readonly string[]
  /** What was wanted and not reached, in a few words each. */
  readonly missed: readonly string[]
}
