import type { VendorTruth } from "@sluice/lab"

/** Follows how much of its quota the simulated vendor saw used, up to the last moment at which a call was waiting for it. */
export class QuotaUse {
  #whileWaiting: VendorTruth | undefined
  readonly #timer: NodeJS.Timeout

  constructor(truth: () => Promise<VendorTruth>, waiting: () => number) {
    this.#timer = setInterval(() => {
      if (waiting() === 0) return
      // A vendor that has gone is noticed by the calls, and the run ends with their error.
      truth().then(
        (seen) => (this.#whileWaiting = seen),
        () => {},
      )
    }, 250)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** `tokens 97%, requests 81%`, the limit that bound first; nothing when no call ever waited. */
  toString(): string | undefined {
    const use = Object.entries(this.#whileWaiting?.utilisation ?? {}).toSorted(([, a], [, b]) => b - a)
    return use.length === 0 ? undefined : use.map(([name, share]) => `${name} ${Math.round(share * 100)}%`).join(", ")
  }
}
