import { testExamples } from "../../../scripts/test-examples.ts"

testExamples("redis", `import { Redis } from "ioredis"\n`)
