import type { VendorStats } from "../server/vendor-stats.ts"
import type { SeenCall } from "./call-log.ts"

/** What the page shows at one moment. Times are milliseconds since the vendor's start. */
export interface LabState extends Omit<VendorStats, "perSecond"> {
  readonly atMs: number
  /** Grows when the vendor starts afresh: what was before is forgotten. */
  readonly life: number
  /** The last ones, newest last. */
  readonly calls: readonly SeenCall[]
}

export type LabSecond = VendorStats["perSecond"][number]

/** Once a second: how it stands, and the seconds that this tab does not know, or not to their end. */
export interface LabNews {
  readonly state: LabState
  readonly seconds: readonly LabSecond[]
}
