import { testExamples } from "../../../scripts/test-examples.ts"

testExamples("sluice", 'import { createQuota, systemClock } from "@sluice/scheduler"')
