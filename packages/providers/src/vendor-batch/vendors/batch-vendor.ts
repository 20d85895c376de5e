import type { Usage } from "../../vendors/vendor.ts"

/** One request of a batch. `customId` names it at the vendor, and matches its result. */
export interface BatchRequest {
  readonly customId: string
  readonly body: Readonly<Record<string, unknown>>
}

/** How one request of a batch ended. */
export type BatchResult =
  | { readonly customId: string; readonly status: "ok"; readonly body: unknown; readonly usage?: Usage }
  /** `again`: not done, or the vendor's fault: it can be sent once more. */
  | {
      readonly customId: string
      readonly status: "failed"
      readonly code: string
      readonly message: string
      readonly again: boolean
      /** The account may spend no more: no other request of it will do better. */
      readonly isSpendCap?: boolean
      /** What an online call would have been answered, where the vendor says. */
      readonly answer?: { readonly status: number; readonly body: unknown }
    }

/** A request that its batch has no answer to. */
export type FailedResult = Extract<BatchResult, { readonly status: "failed" }>

/** What is told while batches run. */
export interface BatchEvent {
  /** `adopted`: created by a process before this one · `cancelled`: asked to stop, what is done still comes. */
  readonly type: "submitted" | "adopted" | "progress" | "ended" | "failed" | "cancelled"
  readonly vendor: string
  readonly batchId: string
  readonly done: number
  readonly total: number
  readonly code?: string
}

/** How a batch as a whole does. */
export interface BatchProgress {
  /** `failed`: refused as a whole, nothing of it ran. */
  readonly state: "running" | "ended" | "failed"
  readonly done: number
  readonly total: number
  /** Why it failed. */
  readonly code?: string
  /** The requests at fault, by position, where the vendor names them: without them it would not have failed. */
  readonly faulty?: readonly number[]
}

/** A vendor's batch API behind its official SDK. */
export interface BatchVendor {
  readonly name: string
  readonly maxRequests: number
  readonly maxBytes: number
  /** Of the price of a call by itself. */
  readonly priceShare: number
  /** The bytes that a request takes in the upload. */
  sizeOf(request: BatchRequest): number
  /** Creates a batch that can be found by its tag. Resolves to its id. */
  create(requests: readonly BatchRequest[], tag: string, signal?: AbortSignal): Promise<string>
  /** The batch of that tag which was created since then, if there is one: after a crash between creating and recording. */
  find(
    tag: string,
    since: { readonly wallMs: number; readonly count: number; readonly has: (customId: string) => boolean },
    signal?: AbortSignal,
  ): Promise<string | undefined>
  progress(id: string, signal?: AbortSignal): Promise<BatchProgress>
  /** Everything there is, in whatever order. */
  results(id: string, signal?: AbortSignal): AsyncIterable<BatchResult>
  cancel(id: string): Promise<void>
}
