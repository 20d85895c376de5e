import { testExamples } from "../../../scripts/docs/test-examples.ts"

testExamples("sluice", 'import { createQuota, systemClock } from "@sluice/scheduler"')
