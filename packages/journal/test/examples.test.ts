import { testExamples } from "../../../scripts/docs/test-examples.ts"

testExamples("journal")
