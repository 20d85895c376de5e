import * as bullmq from "@sluice/bullmq"
import { expect, test } from "vitest"

test("the list of exports is the API", () => {
  expect(Object.keys(bullmq).toSorted()).toEqual(["bullExecutor", "bullWorker"])
})
