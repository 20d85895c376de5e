import * as exported from "../src/index.ts"
import { expect, it } from "vitest"
import { testExamples } from "../../../scripts/docs/test-examples.ts"

const names = testExamples("pocketflow")

// The `Async…` names are the same classes.
it("every runtime export has an example", () => {
  expect(Object.keys(exported).filter((name) => !names.includes(name.replace(/^Async/, "")))).toEqual([])
})
