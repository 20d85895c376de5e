import * as journal from "@sluice/journal"
import { expect, test } from "vitest"
import { ended, startChild } from "./child.ts"
import { temporaryJournal } from "./temporary.ts"

test("a program that uses the journal prints nothing of its own: no warning to interpret", async () => {
  expect(await ended(startChild("settle-items.ts", temporaryJournal(), "3"))).toMatchObject({ code: 0, stderr: "" })
})

test("the list of exports is the API", () => {
  expect(Object.keys(journal).toSorted()).toEqual(["cachedCall", "cachedFetch", "openJournal", "redactSecrets"])
})
