// Declared for who compiles against this: no `lib` of a target has it yet.
/// <reference lib="esnext.disposable" preserve="true" />
import { type AdmitOptions, type Cost, type Limiter, type Permit } from "@sluice/core"
import { type QuotaLimits } from "./options.ts"
import type { QuotaSnapshot, WaitExplanation } from "./snapshot.ts"

/** The limits of one vendor account and model, and the queue before them. */
export interface Quota extends Limiter, AsyncDisposable {
  readonly name: string
  /**
   * The permit, once `cost` fits in every dimension at once. Nothing is held while waiting.
   * @throws SluiceError `cost-exceeds-limit`, `deadline-unreachable`, `queue-full`, `limiter-closed`, `quota-exhausted`, `budget-exhausted`;
   * `signal.reason` when aborted.
   */
  admit(cost?: Cost, options?: AdmitOptions): Promise<Permit>
  tryAdmit(cost?: Cost, options?: AdmitOptions): Permit | undefined
  /** What is known and going on, as plain data. */
  snapshot(): QuotaSnapshot
  /** For each of the first `count` (default 20) calls that wait: which limit blocks it, who holds it, until when. */
  explain(count?: number): WaitExplanation[]
  /**
   * New numbers from the next admission on; what is not named stays, and a rate keeps its kind, burst and window.
   * Ends the state after `quota-exhausted`.
   * @throws SluiceError `invalid-option`
   */
  retune(limits: QuotaLimits): void
  /** Admits no new call. Resolves when the queue is empty and nothing runs; with `reject` the queue is rejected at once. */
  close(options?: { readonly reject?: boolean }): Promise<void>
}
