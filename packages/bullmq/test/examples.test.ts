import { testExamples } from "../../../scripts/test-examples.ts"

testExamples("bullmq", `import { define } from "@sluice/core"\n`)
