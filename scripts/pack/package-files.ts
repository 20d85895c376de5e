import { mkdirSync, readdirSync, readFileSync } from "node:fs"
import path from "node:path"
import { blocksOf } from "../docs/doc-blocks.ts"
import { type Manifest, type Packed, readManifest } from "./pack-packages.ts"
import { run } from "./run.ts"

interface PublishedManifest extends Manifest {
  readonly license?: string
  readonly engines?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/**
 * Opens a tarball and reads what is in it: licence, a README with an example, code with its maps, and the sources that the maps
 * name, so that a stack trace or "go to definition" leads somewhere. Nothing else: no tests, no benchmarks, no build state.
 *
 * @throws Error with everything that is wrong
 */
export function checkFiles({ manifest: { name }, tarball }: Packed, into: string): void {
  const folder = path.join(into, name.replaceAll(/\W+/g, "-"))
  mkdirSync(folder, { recursive: true })
  run("tar", ["-xzf", tarball, "-C", folder], folder)
  const root = path.join(folder, "package")
  const wrong = [...wrongFiles(root), ...wrongReadme(root), ...wrongManifest(readManifest(root))]
  if (wrong.length > 0) throw new Error(`what is packed of ${name}:\n${wrong.join("\n")}`)
}

const beside = ["package.json", "README.md", "LICENSE", "CHANGELOG.md"]

function wrongFiles(root: string): string[] {
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
  const named = new Set(files.filter((file) => file.endsWith(".map")).flatMap((map) => sourcesOf(root, map)))
  return [
    ...beside
      .slice(0, 3)
      .filter((file) => !files.includes(file))
      .map((file) => `${file} is missing`),
    ...files.filter((file) => !isNeeded(file, named)).map((file) => `${file} is of no use to anybody`),
    ...[...named]
      .filter((source) => !files.includes(source))
      .map((source) => `a map names ${source}, which is not there`),
  ]
}

function isNeeded(file: string, named: ReadonlySet<string>): boolean {
  // What a browser gets of a page.
  if (/^dist\/client\/(?:index\.html|manifest\.json|assets\/[\w-]+\.css)$/.test(file)) return true
  return beside.includes(file) || named.has(file) || /^dist\/(?!.*\.test\.).*\.(?:js|d\.ts)(?:\.map)?$/.test(file)
}

/** The sources that a map names, from the package's root. */
function sourcesOf(root: string, map: string): string[] {
  const { sources } = JSON.parse(readFileSync(path.join(root, map), "utf8")) as { readonly sources: readonly string[] }
  return sources.map((source) => path.join(path.dirname(map), source))
}

/** Its code is run with that of all pages; what needs a Redis says `no-run`, and is run by `redis-blocks.ts`. */
function wrongReadme(root: string): string[] {
  const text = readFileSync(path.join(root, "README.md"), "utf8")
  const hasExample = blocksOf("README.md", text).length > 0 || /^```ts no-run$/m.test(text)
  return hasExample ? [] : ["README.md shows no example"]
}

function wrongManifest(manifest: PublishedManifest): string[] {
  const { license, engines, dependencies = {}, peerDependencies = {} } = manifest
  const unresolved = Object.entries({ ...dependencies, ...peerDependencies }).filter(([, version]) =>
    /^\w+:/.test(version),
  )
  return [
    ...(license === "MIT" ? [] : [`package.json: the licence is ${license}`]),
    ...(engines?.["node"] === undefined ? ["package.json: no version of Node is asked for"] : []),
    ...unresolved.map(([name, version]) => `package.json: ${name} is asked for as ${version}`),
  ]
}
