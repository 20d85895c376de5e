/** Which calls are sent a second time because they are slow, and how many. */
export interface HedgeOptions {
  /** Sent again when it takes longer than this share of calls alike. Default 0.98. */
  readonly quantile?: number
  /** What is sent again is no more than this share of all calls. Default 0.02. */
  readonly maxShare?: number
}

/** When an attempt is given up because answers of its kind usually come much sooner. */
export interface AdaptiveTimeout {
  /** Longer than so many times the usual time. 5 or more: answers differ. */
  readonly times: number
}
