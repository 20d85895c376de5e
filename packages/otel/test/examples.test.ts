import { testExamples } from "../../../scripts/test-examples.ts"

testExamples("otel", 'import { limitedFetch } from "@sluice/providers"')
