import { usageError } from "../usage-error.ts"

/** Loaded by who spreads items over processes, and by no other. @throws usage error when it is not installed */
export async function openBullmq(): Promise<typeof import("@sluice/bullmq")> {
  return import("@sluice/bullmq").catch((error: unknown) => {
    if ((error as { code?: unknown }).code !== "ERR_MODULE_NOT_FOUND") throw error
    throw usageError("Workers need packages beside @sluice/cli: npm install @sluice/bullmq bullmq ioredis")
  })
}
