// What somebody compiles who has no types beside TypeScript and sluice.
import { createQuota, define, limitedFetch, openJournal, parallelMap, semaphore } from "sluice"

define<object>()
const limiter = semaphore({ limit: 20 })
for await (const value of parallelMap([1, 2], async (n) => n, { limiter }).values()) value.toFixed()
await using journal = openJournal({ path: ":memory:" })
await using quota = createQuota({ requestsPerMinute: 5 })
export const kept = [journal.path, quota.snapshot().name, limitedFetch().explain()]
