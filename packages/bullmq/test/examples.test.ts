import { testExamples } from "../../../scripts/docs/test-examples.ts"

testExamples("bullmq", `import { define } from "@sluice/core"\n`)
