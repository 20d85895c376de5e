import { onAbort } from "@sluice/scheduler"
import type { BatchResult, FailedResult } from "../vendors/batch-vendor.ts"

/** What a batch brought for one request, or that it brought nothing. */
export type BatchEnd =
  | { readonly kind: "result"; readonly result: BatchResult }
  /** The batch ended without it, or with the vendor's fault. */
  | { readonly kind: "again"; readonly because?: FailedResult | undefined }
  /** Too large for the account, or refused for another request's fault: nothing of it was tried. */
  | { readonly kind: "smaller" }
  /** No batch with it can be made. */
  | { readonly kind: "online"; readonly because?: FailedResult }

/** How a batch ended for whoever is not told otherwise; `lost`: it may go on at the vendor, and nobody follows it. */
export type WholeEnd = BatchEnd | { readonly kind: "lost"; readonly error: unknown }

interface BatchWaiter {
  readonly resolve: (end: BatchEnd) => void
  readonly reject: (error: unknown) => void
}

/** Who waits for one batch, and how it ended for each request. */
export class BatchEnds {
  readonly #left: (customId: string) => void
  readonly #waiters = new Map<string, BatchWaiter>()
  /** Results that nobody waited for when they came. */
  readonly #early = new Map<string, BatchEnd>()
  /** The vendor's faults: told at the end, so that all of them make one batch again. */
  readonly #failed = new Map<string, FailedResult>()
  #whole: WholeEnd | undefined

  /** `left` is called for each request that nobody waits for any more although it has no end. */
  constructor(left: (customId: string) => void) {
    this.#left = left
  }

  /** How the whole batch ended, once it has. */
  get whole(): WholeEnd | undefined {
    return this.#whole
  }

  get isWaitedFor(): boolean {
    return this.#waiters.size > 0
  }

  /** How it ends for one request. Rejects with `signal.reason`, or the error of a batch that is lost. */
  of(customId: string, signal: AbortSignal | undefined): Promise<BatchEnd> {
    const early = this.#early.get(customId)
    if (early) return Promise.resolve(early)
    if (this.#whole?.kind === "lost") return Promise.reject(this.#whole.error)
    if (this.#whole) return Promise.resolve(this.#endOf(customId, this.#whole))
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiters.delete(customId)
        this.#left(customId)
        reject(signal!.reason)
      }
      // Who leaves at once leaves like all others: the last one ends what was begun for it.
      if (signal?.aborted) return leave()
      const letGo = signal && onAbort(signal, leave)
      this.#waiters.set(customId, {
        resolve: (end) => (letGo?.(), resolve(end)),
        reject: (error) => (letGo?.(), reject(error)),
      })
    })
  }

  tell(customId: string, end: BatchEnd): void {
    const waiter = this.#waiters.get(customId)
    this.#waiters.delete(customId)
    if (waiter) waiter.resolve(end)
    else this.#early.set(customId, end)
  }

  /** The vendor's fault, which another batch may mend. */
  fail(result: FailedResult): void {
    this.#failed.set(result.customId, result)
  }

  /** Nothing more comes: all others are told. The first end counts. */
  end(whole: WholeEnd): void {
    if (this.#whole) return
    this.#whole = whole
    for (const [customId, waiter] of this.#waiters) {
      if (whole.kind !== "lost") waiter.resolve(this.#endOf(customId, whole))
      else {
        this.#left(customId)
        waiter.reject(whole.error)
      }
    }
    this.#waiters.clear()
  }

  #endOf(customId: string, whole: BatchEnd): BatchEnd {
    return whole.kind === "again" ? { kind: "again", because: this.#failed.get(customId) } : whole
  }
}
