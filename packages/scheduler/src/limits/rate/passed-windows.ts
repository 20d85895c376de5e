/** Windows in which what passed is remembered. */
const kept = 3

/** What passed in each of the last windows, the newest first. */
export class PassedWindows {
  readonly #windowMs: number
  #fromMs: number
  #amounts: number[] = new Array<number>(kept).fill(0)

  constructor(windowMs: number, nowMs: number) {
    this.#windowMs = windowMs
    this.#fromMs = nowMs
  }

  get most(): number {
    return Math.max(...this.#amounts)
  }

  add(amount: number): void {
    this.#amounts[0]! += amount
  }

  forget(): void {
    this.#amounts.fill(0)
  }

  /** Whether the window has ended that it counts in. */
  isOver(nowMs: number): boolean {
    return nowMs - this.#fromMs >= this.#windowMs
  }

  /** Another begins. */
  turn(nowMs: number): void {
    const windows = Math.floor((nowMs - this.#fromMs) / this.#windowMs)
    this.#fromMs += windows * this.#windowMs
    for (let i = 0; i < Math.min(windows, kept); i++) this.#amounts = [0, ...this.#amounts.slice(0, kept - 1)]
  }
}
