import { globSync, readFileSync } from "node:fs"
import path from "node:path"
import { expect, test } from "vitest"

const root = path.join(import.meta.dirname, "../..")
const declaration = /^(?:export )?(?:declare )?(?:abstract )?(?:interface|type|class|enum) ([A-Z]\w*)/gm

/** Names that mean two things on purpose, each with its reason. */
const exceptions: Readonly<Record<string, string>> = {
  Node: "pocketflow's face has pocketflow's class names",
  BatchNode: "pocketflow's face has pocketflow's class names",
}

/** The files of `src` that declare each type name, exported or not. */
function declarations(): ReadonlyMap<string, readonly string[]> {
  const files = globSync("packages/*/src/**/*.ts", { cwd: root }).toSorted()
  const found = files.flatMap((file) =>
    [...readFileSync(path.join(root, file), "utf8").matchAll(declaration)].map(([, name = ""]) => ({ file, name })),
  )
  const byName = Map.groupBy(found, ({ name }) => name)
  return new Map([...byName].map(([name, all]) => [name, [...new Set(all.map(({ file }) => file))]]))
}

test("a type name means one thing: it is declared in one file of the repository", () => {
  const twice = [...declarations()].filter(([name, files]) => files.length > 1 && !(name in exceptions))
  expect(Object.fromEntries(twice)).toEqual({})
})

test("every exception is still one", () => {
  const all = declarations()
  expect(all.size).toBeGreaterThan(500)
  expect(Object.keys(exceptions).filter((name) => (all.get(name)?.length ?? 0) < 2)).toEqual([])
})
