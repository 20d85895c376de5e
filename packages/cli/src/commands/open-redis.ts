import type { Redis } from "ioredis"
import { systemClock } from "@sluice/scheduler"
import { usageError } from "../usage-error.ts"

/** A server that stands still lets everybody connect, and says nothing. */
const silenceMs = 5_000

/** A connection to the Redis at `url`. @throws usage error when the client is not installed, or nobody answers. */
export async function openRedis(url: string): Promise<Redis> {
  const { Redis } = await import("ioredis").catch(() => {
    throw usageError("--redis needs the package ioredis beside @sluice/cli: npm install ioredis")
  })
  let redis: Redis | undefined
  const { promise: silence, reject } = Promise.withResolvers<never>()
  const answered = systemClock.setTimer(silenceMs, () => reject(new Error(`nothing came for ${silenceMs / 1_000} s`)))
  try {
    redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 })
    redis.on("error", () => {})
    await Promise.race([redis.connect(), silence])
  } catch (error) {
    redis?.disconnect()
    throw usageError(
      `No Redis answers at ${withoutPassword(url)}: ${error instanceof Error ? error.message : String(error)}. Is it running, and is the address right?`,
    )
  } finally {
    answered()
  }
  // From here on a connection that breaks comes back.
  redis.options.retryStrategy = (attempt) => Math.min(200, 20 * attempt)
  return redis
}

function withoutPassword(url: string): string {
  // A password may hold a slash or an @ of its own.
  return url.replace(/\/\/.*@/, "//")
}
