import { testExamples } from "../../../scripts/docs/test-examples.ts"

testExamples("otel", 'import { limitedFetch } from "@sluice/providers"')
