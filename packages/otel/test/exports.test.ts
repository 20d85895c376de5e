import { readFileSync } from "node:fs"
import * as otel from "@sluice/otel"
import { expect, test } from "vitest"

test("the runtime exports are these", () => {
  expect(Object.keys(otel)).toEqual(["telemetry"])
})

test("nothing of OpenTelemetry is needed but its API", () => {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as Record<
    string,
    object
  >
  expect(Object.keys(manifest["dependencies"]!)).toEqual(["@sluice/core"])
  expect(Object.keys(manifest["peerDependencies"]!)).toEqual(["@opentelemetry/api"])
})
