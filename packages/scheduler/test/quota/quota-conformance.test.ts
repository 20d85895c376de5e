import { awakeQuota, testLimiter, testQuota } from "@sluice/lab"
import { describe, it } from "vitest"

testLimiter((concurrency) => awakeQuota({ concurrency }), { describe, it })
testQuota((options) => awakeQuota(options), { describe, it })
