import { testExamples } from "../../../scripts/test-examples.ts"

testExamples("scheduler", 'import Bottleneck from "bottleneck"')
