import type { Random } from "@sluice/core"
import { backoffDelayMs } from "../src/retry-policy.ts"
export { createQuota } from "../src/quota.ts"
export { sleep } from "../src/sleep.ts"

export function retryDecision(attempt: number, random: Random): number {
  return backoffDelayMs(attempt, undefined, random)
}
