/** Time as it goes on while a run does: it stands still in a pause, so that a pause is no part of a pace. */
export class PaceClock {
  readonly #pauses: { readonly fromMs: number; toMs: number }[] = []

  /** What somebody did to the run, as its events tell. */
  hear(action: string, atMs: number): void {
    const last = this.#pauses.at(-1)
    const isPaused = last?.toMs === Infinity
    if (action === "pause" && !isPaused) this.#pauses.push({ fromMs: atMs, toMs: Infinity })
    // Who drains or stops a run lets those go that wait for it to go on.
    if (isPaused && (action === "resume" || action === "drain" || action === "stop")) last.toMs = atMs
  }

  of(atMs: number): number {
    const paused = this.#pauses.map(({ fromMs, toMs }) => Math.max(0, Math.min(atMs, toMs) - fromMs))
    return atMs - paused.reduce((sum, each) => sum + each, 0)
  }
}
