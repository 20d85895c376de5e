import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { optionParameters } from "../../../scripts/checks/option-parameters.ts"
import { faultKinds } from "../src/vendor/vendor-checks.ts"

const docs = join(import.meta.dirname, "../../../docs")
const page = readFileSync(join(docs, "testing.md"), "utf8")

/** Every name that a row of the page's tables is about, or that stands in the row of the option around it. */
function rowOf(name: string): string | undefined {
  return page.split("\n").find((line) => line.startsWith("|") && line.split("|")[1]!.includes(`\`${name}\``))
}

const all = optionParameters(new Set(["AnswerRequest", "Clock"]), "packages/lab").filter(
  ({ parameter }) => parameter === "startVendor(options)",
)
const names = all.find(({ at }) => at.length === 0)!.options

describe("docs/testing.md names", () => {
  it.each(names)("startVendor's %s, and what is in it", (name) => {
    const row = rowOf(name)
    expect(row).toBeDefined()
    const kinds: readonly string[] = faultKinds
    const inside = all.filter(({ at }) => at[0] === name).flatMap(({ options }) => options)
    // Of what changes by schedule the names are those of the limits.
    const missing = name === "schedule" ? [] : inside.filter((field) => !kinds.includes(field) && !row!.includes(field))
    expect(missing).toEqual([])
  })

  it("every kind of fault, and docs/cli.md too", () => {
    expect(faultKinds.filter((kind) => rowOf(kind) === undefined)).toEqual([])
    const cli = readFileSync(join(docs, "cli.md"), "utf8")
    expect(faultKinds.filter((kind) => !cli.includes(`\`${kind}\``))).toEqual([])
  })
})
