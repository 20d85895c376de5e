export { createLimitModel } from "./limits/create-limit-model.ts"
export type { LimitKind, LimitModel, LimitOptions } from "./limits/limit-model.ts"
export { exponential, lognormal, luckOf, seededRandom } from "./seeded-random.ts"
export { VirtualClock } from "./virtual-clock.ts"
