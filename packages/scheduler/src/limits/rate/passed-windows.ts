/** Windows before this one in which what passed is remembered. */
const kept = 2

/** What passed in this window, and in each of the last, the newest first. */
export class PassedWindows {
  readonly #windowMs: number
  #fromMs: number
  #amount = 0
  readonly #before: number[] = []

  constructor(windowMs: number, nowMs: number) {
    this.#windowMs = windowMs
    this.#fromMs = nowMs
  }

  get most(): number {
    return Math.max(this.#amount, ...this.#before)
  }

  add(amount: number): void {
    this.#amount += amount
  }

  forget(): void {
    this.#amount = this.#before.length = 0
  }

  /** Whether the window has ended that it counts in. */
  isOver(nowMs: number): boolean {
    return nowMs - this.#fromMs >= this.#windowMs
  }

  /** Another begins. */
  turn(nowMs: number): void {
    const windows = Math.floor((nowMs - this.#fromMs) / this.#windowMs)
    this.#fromMs += windows * this.#windowMs
    for (let i = 0; i < Math.min(windows, kept + 1); i++) {
      this.#before.unshift(this.#amount)
      this.#amount = 0
    }
    this.#before.length = Math.min(this.#before.length, kept)
  }
}
