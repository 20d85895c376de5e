import type { AdmitOptions, Cost, Permit, Settlement } from "@sluice/core"
import { wrongEnd, wrongOptions } from "../queue/limiter-checks.ts"
import { LiveQuota } from "./live-quota.ts"
import type { LivePermit } from "./permit.ts"

/**
 * A quota that anybody may ask: names and values of what it is asked and told are looked at. `limitedFetch` makes both itself, and
 * would weigh more by the words of these errors.
 */
export class CheckedQuota extends LiveQuota {
  override tryAdmit(cost?: Cost, options?: AdmitOptions): Permit | undefined {
    const wrong = wrongOptions(options)
    if (wrong) throw wrong
    return super.tryAdmit(cost, options)
  }

  override admit(cost?: Cost, options?: AdmitOptions): Promise<Permit> {
    const wrong = wrongOptions(options)
    return wrong ? Promise.reject(wrong) : super.admit(cost, options)
  }

  override settled(permit: LivePermit, end: Settlement): void {
    const wrong = wrongEnd(end)
    // What was estimated stays charged, and nobody waits for this permit for ever.
    super.settled(permit, wrong ? { outcome: "ignored" } : end)
    if (wrong) throw wrong
  }
}
