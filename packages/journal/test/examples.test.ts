import { testExamples } from "../../../scripts/test-examples.ts"

testExamples("journal")
