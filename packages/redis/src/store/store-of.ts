import { SluiceError } from "@sluice/core"
import { show } from "@sluice/core/internal"
import { type IoredisLike, ioredisStore } from "./ioredis-store.ts"
import { type NodeRedisLike, nodeRedisStore } from "./node-redis-store.ts"
import type { Store } from "./store.ts"

/** Connections of our own, like those of a client of either library. @throws SluiceError `invalid-option` */
export function storeOf(redis: IoredisLike | NodeRedisLike): Store {
  if (typeof redis === "object" && "status" in redis && "disconnect" in redis) return ioredisStore(redis)
  if (typeof redis === "object" && redis !== null && "sendCommand" in redis) return nodeRedisStore(redis)
  const message = `redis must be a client of ioredis or of redis (node-redis), got ${show(redis)}.`
  throw new SluiceError("invalid-option", message, { details: { path: "redis", got: redis } })
}
