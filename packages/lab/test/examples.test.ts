import { testExamples } from "../../../scripts/docs/test-examples.ts"

// The conformance suites' examples are tests of a user, who has a journal of their own.
testExamples(
  "lab",
  `import type { Journal } from "@sluice/core"
import { createQuota, parallelExecutor } from "@sluice/scheduler"
declare const describe: (name: string, body: () => void) => void
declare const it: (name: string, body: () => void | Promise<void>) => void
interface MyJournal extends Journal { close(): void }
declare const openMyJournal: (file: string) => MyJournal
declare const temporaryFile: () => string`,
)
