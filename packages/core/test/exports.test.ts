import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import * as core from "@sluice/core"

test("the runtime exports are these", () => {
  expect(Object.keys(core).toSorted()).toEqual([
    "ItemError",
    "LaneScope",
    "Scope",
    "SluiceError",
    "countInScope",
    "createDefine",
    "currentLane",
    "currentScope",
    "define",
    "enterScope",
    "runInScope",
    "runPlace",
    "sequentialExecutor",
    "sequentialRuntime",
  ])
})

test("core has no runtime dependency", () => {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as object
  expect(manifest).not.toHaveProperty("dependencies")
  expect(manifest).not.toHaveProperty("peerDependencies")
})
