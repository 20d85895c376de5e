import type { Plan } from "@sluice/lab"
import type { ReadAs } from "../input/read-input.ts"

/** A plan with what it rests on. Plain data: what `sluice plan --json` prints. */
export interface RunPlan extends Plan {
  /** Of several prompts each asks about every one. */
  readonly inputs: number
  /** How the inputs were read: each way once. */
  readonly read: readonly ReadAs[]
  /** What a person would want to know before the run. */
  readonly warnings: readonly string[]
  readonly model: string
  /** `from` is `requests` where each request of a batch file says how many there may be: `each` is their mean. */
  readonly answerTokens: {
    readonly each: number
    readonly from: "answer-tokens" | "max-output-tokens" | "requests" | "assumed"
  }
  /** Some limit is known; without one the time is that of a vendor that refuses nothing. */
  readonly hasLimits: boolean
  readonly hasBatchApi: boolean
  /** Items after which the budget ends the run, where it does. */
  readonly budgetEndsAfter?: number
  /** Where no call may be sent, as each may cost more than the whole budget. */
  readonly tooDear?: { readonly callUsd: number; readonly budgetUsd: number }
  /** The first prompt as it would be sent. */
  readonly firstPrompt: readonly { readonly role: string; readonly content: string }[]
}
