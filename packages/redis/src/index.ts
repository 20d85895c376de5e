export type { IoredisLike } from "./store/ioredis-store.ts"
export type { NodeRedisLike } from "./store/node-redis-store.ts"
export { readQuotas, setSharedLimits, type SharedLimitState, type SharedQuotaState } from "./read-quotas.ts"
export { sharedQuotas, type SharedIdentity, type SharedQuotas, type SharedQuotasOptions } from "./shared-quotas.ts"
