import { testLimiter, testQuota } from "@sluice/lab"
import { describe, it } from "vitest"
import { createQuota } from "../../src/index.ts"

testLimiter((concurrency) => createQuota({ concurrency }), { describe, it })
testQuota((options) => createQuota(options), { describe, it })
