import { existsSync, globSync, readFileSync } from "node:fs"
import path from "node:path"
import { describe, expect, test } from "vitest"
import { exampleNames } from "../examples/example-names.ts"
import { readmeCommand } from "../ci/readme-command.ts"

const root = path.join(import.meta.dirname, "../..")
const packages = globSync("packages/*/package.json", { cwd: root })
  .map((file) => path.dirname(file))
  .toSorted()
const sources = globSync("packages/*/src/**/*.ts", { cwd: root }).toSorted()
/** What is no file of ours: other tests make folders whose names begin with a dot, and remove them. */
const passing = ["**/node_modules/**", "**/.*/**"]

function read(file: string): string {
  return readFileSync(path.join(root, file), "utf8")
}

function lines(file: string): number {
  return read(file).trimEnd().split("\n").length
}

describe("files", () => {
  test("of src and scripts have 300 lines at most, and the execution loops 200", () => {
    const loops = new Set(["walk.ts", "parallel-map.ts", "mapping.ts"])
    const ceiling = (file: string): number => (loops.has(path.basename(file)) ? 200 : 300)
    const scripts = globSync("scripts/**/*.ts", { cwd: root, exclude: passing })
    expect([...sources, ...scripts].filter((file) => lines(file) > ceiling(file))).toEqual([])
  })

  // Crumbs are looked for all over the place, heaps are not read.
  test("of src have 60 to 110 lines in the median", () => {
    const sizes = sources.map(lines).toSorted((a, b) => a - b)
    const median = sizes[Math.floor(sizes.length / 2)]
    expect(median).toBeGreaterThanOrEqual(60)
    expect(median).toBeLessThanOrEqual(110)
  })

  test("stand in folders of 15 at most", () => {
    const files = globSync(["packages/*/{src,client,test,bench}/**", "{scripts,examples}/**"], {
      cwd: root,
      exclude: passing,
      withFileTypes: true,
    }).filter((entry) => entry.isFile())
    const folders = Map.groupBy(files, ({ parentPath }) => path.relative(root, parentPath))
    expect(folders.size).toBeGreaterThan(150)
    const full = [...folders].filter(([, inside]) => inside.length > 15).map(([folder]) => folder)
    expect(full).toEqual([])
  })

  test("are named after one concept, in kebab-case", () => {
    const dump = /^(utils?|helpers?|common|types|misc|shared)\.ts$/
    const kebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z-]+)?\.ts$/
    const names = [...sources, ...globSync("packages/*/{test,bench}/**/*.ts", { cwd: root })]
    expect(names.filter((file) => dump.test(path.basename(file)) || !kebab.test(path.basename(file)))).toEqual([])
  })

  // The lint rules cannot tell `new Date()` from `new Date(ms)`.
  test("of src read no clock through new Date()", () => {
    expect(sources.filter((file) => /\bnew Date\(\s*\)/.test(read(file)))).toEqual([])
  })

  test("speak of no machine: no home, work or temporary folders", () => {
    const local = /\/(home|Users|work|tmp)\/\w/
    expect(sources.filter((file) => local.test(read(file)))).toEqual([])
  })
})

describe.each(packages)("%s", (folder) => {
  test("lists its exports by name", () => {
    expect(read(`${folder}/src/index.ts`)).not.toMatch(/export \*/)
  })

  test("has a README that starts with its name", () => {
    const { name } = JSON.parse(read(`${folder}/package.json`)) as { name: string }
    expect(read(`${folder}/README.md`)).toMatch(`# ${name}\n`)
  })

  test("is ESM, MIT, runs from source, and publishes dist and src", () => {
    const manifest = JSON.parse(read(`${folder}/package.json`)) as Record<string, unknown>
    expect(manifest).toMatchObject({ type: "module", license: "MIT", files: ["dist", "!dist/.tsbuildinfo", "src"] })
    for (const entry of Object.values(manifest["exports"] as Record<string, unknown>)) {
      if (typeof entry === "string") continue
      // `module`: one file for each source, for bundlers; see scripts/pack/build.ts.
      expect(Object.keys(entry as object).filter((key) => key !== "module")).toEqual([
        "@sluice/source",
        "types",
        "default",
      ])
      expect(existsSync(path.join(root, folder, (entry as Record<string, string>)["@sluice/source"] ?? ""))).toBe(true)
    }
  })

  test("imports only what its users get with it", () => {
    const manifest = JSON.parse(read(`${folder}/package.json`)) as Record<string, Record<string, string>>
    const given = Object.keys({ ...manifest["dependencies"], ...manifest["peerDependencies"] })
    const importOf = /(?:\bfrom |^import |\bimport\()"([a-z@][^"]*)"(?:$|\))/gm
    const imported = sources
      .filter((file) => file.startsWith(`${folder}/`))
      .map((file) => read(file).replaceAll(/^ *\*.*$/gm, ""))
      .flatMap((code) => [...code.matchAll(importOf)].map(([, name]) => name ?? ""))
      .filter((name) => !name.startsWith("node:"))
      .map((name) => name.split("/", name.startsWith("@") ? 2 : 1).join("/"))
    expect([...new Set(imported)].filter((name) => !given.includes(name))).toEqual([])
  })

  test("takes dependencies from the catalog or the workspace", () => {
    const manifest = JSON.parse(read(`${folder}/package.json`)) as Record<string, Record<string, string>>
    const ranges = Object.entries({ ...manifest["dependencies"], ...manifest["devDependencies"] })
    expect(ranges.filter(([, range]) => range !== "catalog:" && range !== "workspace:*")).toEqual([])
  })
})

describe("the README", () => {
  test.each(["demo", "test"])("names a command that exists: %s", (script) => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> }
    expect(readmeCommand(read("README.md"), script)).toMatch(/^npx -y /)
    expect(scripts).toHaveProperty(script)
  })
})

describe("docs/ARCHITECTURE.md", () => {
  test("names files that exist", () => {
    const named = [...read("docs/ARCHITECTURE.md").matchAll(/`((?:packages|scripts)\/[^`<>]+)`/g)].map(
      ([, file]) => file ?? "",
    )
    expect(named.length).toBeGreaterThan(20)
    expect(named.filter((file) => !existsSync(path.join(root, file)))).toEqual([])
  })
})

describe("examples", () => {
  test("have a README each", () => {
    const names = exampleNames(root)
    expect(names).not.toEqual([])
    expect(names.filter((name) => !existsSync(path.join(root, "examples", name, "README.md")))).toEqual([])
  })

  test("are all found: every folder has a main.ts", () => {
    const folders = globSync("examples/*/package.json", { cwd: root }).map((file) => path.basename(path.dirname(file)))
    expect(exampleNames(root)).toEqual(expect.arrayContaining(folders))
  })
})
