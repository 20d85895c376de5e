import type { SluiceEvent } from "@sluice/core"
import type { FrameState } from "./frame-state.ts"

type VendorBatchEvent = Extract<SluiceEvent, { type: "vendor-batch" }>

interface ToldBatch extends Pick<VendorBatchEvent, "done" | "total"> {
  readonly state: VendorBatchEvent["state"]
}

/** In the order in which a frame names them. */
const words: Readonly<Record<VendorBatchEvent["state"], string>> = {
  submitted: "submitted",
  adopted: "found again",
  progress: "in progress",
  cancelled: "cancelled",
  ended: "ended",
  failed: "failed",
}

/** The batches that a run has at vendors, as their events tell. */
export class BatchTally {
  readonly #batches = new Map<string, ToldBatch>()

  observe({ vendor, batchId, state, done, total }: VendorBatchEvent): void {
    const name = `${vendor}/${batchId}`
    const isCancelled = state === "progress" && this.#batches.get(name)?.state === "cancelled"
    this.#batches.set(name, { state: isCancelled ? "cancelled" : state, done, total })
  }

  /** Batches whose answers are waited for. */
  get open(): number {
    return this.#going().length
  }

  state(): FrameState["batches"] {
    const told = [...this.#batches.values()]
    if (told.length === 0) return undefined
    const going = this.#going()
    return {
      requests: going.reduce((sum, { total }) => sum + total, 0),
      done: going.reduce((sum, { done }) => sum + done, 0),
      states: Object.entries(words)
        .map(([state, word]) => ({ state: word, batches: told.filter((batch) => batch.state === state).length }))
        .filter(({ batches }) => batches > 0),
    }
  }

  #going(): ToldBatch[] {
    return [...this.#batches.values()].filter(({ state }) => !["cancelled", "ended", "failed"].includes(state))
  }
}
