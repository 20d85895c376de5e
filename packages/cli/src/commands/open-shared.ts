import type { SharedQuotas } from "@sluice/redis"
import { openRedis } from "./open-redis.ts"

/** The quotas of every process that shares them on this Redis. */
export async function openShared(
  url: string,
): Promise<{ readonly quotas: SharedQuotas; readonly close: () => Promise<void> }> {
  const redis = await openRedis(url)
  const { sharedQuotas } = await import("@sluice/redis")
  const quotas = sharedQuotas({ redis })
  const close = async (): Promise<void> => {
    await quotas.close()
    redis.disconnect()
  }
  return { quotas, close }
}
