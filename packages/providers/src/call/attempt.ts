import type { Cost, Permit } from "@sluice/core"
import type { Usage, Verdict } from "../vendors/vendor.ts"
import type { FetchContext } from "./context.ts"
import type { PreparedCall } from "./prepare.ts"

/** Who counted: the vendor; we, the pieces of a whole stream; we, those of one that was cut; nobody. */
export type Counted = "counted" | "guessed" | "partial" | "unknown"

/** What is of no use any more: the key or token, the model, the account with all its models, or the day's total of this quota. */
export type Exhausted = "credential" | "model" | "account" | "quota"

/** The call that an attempt is part of. */
export interface AttemptOwner {
  readonly context: FetchContext
  readonly prepared: PreparedCall
  /** The caller's. */
  readonly signal: AbortSignal | undefined
  send(signal: AbortSignal): Promise<Response>
  /** Told once per attempt that the vendor worked on. Answers its dollars. */
  spent(usage: Usage, how: Counted): number | undefined
  /** The vendor's code cannot read this answer, which is handed on all the same. */
  unreadable(error: unknown): void
  /** A stream failed after its head was handed to the caller. */
  failedLate(verdict: Verdict): void
  /** Told before the quota is, when waiting does not help. */
  exhausted(what: Exhausted, response: Response, bytes: Uint8Array<ArrayBuffer>): void
}

/** One HTTP request under one permit. */
export interface Attempt {
  readonly owner: AttemptOwner
  readonly permit: Permit
  readonly estimate: Cost
  readonly startMs: number
}
