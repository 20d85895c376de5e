/** A quota at one moment, as plain data: no key, prompt or header is in it. */
export interface QuotaState {
  readonly quota: string
  /** On the quota's clock, and what the wall clock (milliseconds since 1970) showed then. */
  readonly atMs: number
  readonly wallMs: number
  readonly inFlight: number
  readonly waiting: number
  readonly gate: { readonly state: "open" | "closed" | "ramping" }
  readonly limits: readonly {
    readonly name: string
    readonly dimension: string
    readonly limit: number
    /** What could be taken now; negative in debt. */
    readonly level: number
    /** Rates only. */
    readonly windowMs?: number
  }[]
}
