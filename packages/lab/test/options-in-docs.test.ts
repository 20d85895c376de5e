import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { z } from "zod"
import { serverShape } from "../src/server/server-options.ts"
import { faultKinds } from "../src/vendor/options-schema.ts"

const docs = join(import.meta.dirname, "../../../docs")
const page = readFileSync(join(docs, "testing.md"), "utf8")

/** Every name that a row of the page's tables is about, or that stands in the row of the option around it. */
function rowOf(name: string): string | undefined {
  return page.split("\n").find((line) => line.startsWith("|") && line.split("|")[1]!.includes(`\`${name}\``))
}

/** The names of the fields inside an option, however deep. */
function fieldsIn(type: unknown): string[] {
  if (type instanceof z.ZodObject)
    return Object.entries(type.shape as z.ZodRawShape).flatMap(([name, inner]) => [name, ...fieldsIn(inner)])
  if (type instanceof z.ZodOptional || type instanceof z.ZodArray)
    return fieldsIn(type instanceof z.ZodArray ? type.element : type.unwrap())
  return type instanceof z.ZodUnion ? type.options.flatMap(fieldsIn) : []
}

describe("docs/testing.md names", () => {
  it.each(Object.entries(serverShape))("startVendor's %s, and what is in it", (name, type) => {
    const row = rowOf(name)
    expect(row).toBeDefined()
    const kinds: readonly string[] = faultKinds
    // Of what changes by schedule the names are those of the limits.
    const missing =
      name === "schedule" ? [] : fieldsIn(type).filter((field) => !kinds.includes(field) && !row!.includes(field))
    expect(missing).toEqual([])
  })

  it("every kind of fault, and docs/cli.md too", () => {
    expect(faultKinds.filter((kind) => rowOf(kind) === undefined)).toEqual([])
    const cli = readFileSync(join(docs, "cli.md"), "utf8")
    expect(faultKinds.filter((kind) => !cli.includes(`\`${kind}\``))).toEqual([])
  })
})
