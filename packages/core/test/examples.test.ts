import * as exported from "@sluice/core"
import { expect, it } from "vitest"
import { testExamples } from "../../../scripts/docs/test-examples.ts"

const names = testExamples("core")

it("every runtime export has an example", () => {
  expect(Object.keys(exported).filter((name) => !names.includes(name))).toEqual([])
})
