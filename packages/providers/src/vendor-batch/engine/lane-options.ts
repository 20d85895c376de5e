/** How requests that wait in the batch lane are gathered and followed. */
export interface LaneOptions {
  /** A batch is submitted when no further request has come for this long, or when it is full. Default 1,000. */
  readonly gatherMs?: number
  /** Requests of one batch. Default: as many as the vendor allows. */
  readonly maxRequests?: number
  /**
   * Requests of one account and model in the lane at once, each held in memory until its answer is there. More wait
   * outside, and nothing more is pulled. Default: one full batch, 50,000 at most.
   */
  readonly maxOpen?: number
  /** Input tokens that the vendor lets this account enqueue for a model. Default: learned from refusals. */
  readonly maxEnqueuedTokens?: number
  /** How often a request that expired, is missing or met the vendor's fault is submitted before it goes online. Default 2. */
  readonly maxRounds?: number
  /** First and longest wait between two looks at a batch. Default 5,000 and 60,000, with jitter. */
  readonly pollMs?: number
  readonly maxPollMs?: number
  /** With a deadline: less than this beside what an online run needs is no time for a batch. Default 600,000. */
  readonly leastBatchMs?: number
}

/** The defaults, each with its reason. */
export const laneDefaults: {
  readonly gatherMs: number
  readonly maxOpen: number
  readonly maxRounds: number
  readonly pollMs: number
  readonly maxPollMs: number
  readonly maxBlindLooks: number
  readonly leastBatchMs: number
} = Object.freeze({
  /** Items of one source come within milliseconds of each other; a second is nothing beside a batch. */
  gatherMs: 1_000,
  /** Each takes its prompt and about 9 kB: half a gigabyte. */
  maxOpen: 50_000,
  /** Once more for what expired or met the vendor's fault; then online. */
  maxRounds: 2,
  /** A small batch is done in a minute. */
  pollMs: 5_000,
  /** A batch takes up to a day: a minute more is nothing, and a look costs a request. */
  maxPollMs: 60_000,
  /** At one look a minute, half a day of a vendor that is down. */
  maxBlindLooks: 720,
  /** Most batches are done within the hour, few within minutes. */
  leastBatchMs: 600_000,
})
