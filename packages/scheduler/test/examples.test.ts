import { testExamples } from "../../../scripts/docs/test-examples.ts"

testExamples("scheduler", 'import Bottleneck from "bottleneck"')
