import { testExamples } from "../../../scripts/docs/test-examples.ts"

testExamples("redis", `import { Redis } from "ioredis"\n`)
