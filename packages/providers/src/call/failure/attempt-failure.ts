import type { Feedback } from "@sluice/core"
import type { Verdict } from "../../vendors/vendor.ts"

/** One attempt's end other than an answer. Never leaves the package: the caller gets the response, or a `VendorError`. */
export class AttemptFailure extends Error {
  readonly verdict: Verdict
  /** The vendor's answer, whole and unread, when there was one. */
  readonly response: Response | undefined
  readonly feedback: Feedback

  constructor(verdict: Verdict, response: Response | undefined, feedback: Feedback, cause?: unknown) {
    super(verdict.message, { cause })
    this.verdict = verdict
    this.response = response
    this.feedback = feedback
  }
}
