export {
  type Cost,
  ItemError,
  type Node,
  type Outcome,
  type RunOptions,
  SluiceError,
  type SluiceErrorCode,
  type SluiceEvent,
} from "@sluice/core"
export { openJournal } from "@sluice/journal"
export { limitedFetch, type LimitedFetch, type LimitedFetchOptions } from "@sluice/providers"
export { createQuota, parallelMap, type Quota, type QuotaOptions } from "@sluice/scheduler"
export { define } from "./define.ts"
