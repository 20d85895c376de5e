// What the other packages of Sluice share with the scheduler, and nobody else should build on.
export { ownQuota } from "./quota/create-quota.ts"
export { idleClock } from "./runtime/system-clock.ts"
export { checkQuotaOptions } from "./quota/options.ts"
