import { globSync, readFileSync, statSync, writeFileSync } from "node:fs"
import path from "node:path"
import { gzipSync } from "node:zlib"
import { run } from "./run.ts"

/** What the library may weigh at most. */
export interface Ceiling {
  readonly what: string
  readonly atMost: number
  readonly unit: "" | " MB" | " kB"
  /** `alone`: a folder in which nothing but `sluice` is installed; `bundled`: one that has esbuild too. */
  readonly reached: (alone: string, bundled: string) => number
}

export const ceilings: readonly Ceiling[] = [
  { what: "packages that `npm install sluice` brings", atMost: 10, unit: "", reached: packagesOf },
  { what: "their size, installed", atMost: 10, unit: " MB", reached: megabytesOf },
  ...["limitedFetch", "define", "mapAll"].map((name): Ceiling => ({
    what: `\`${name}\` bundled, minified, gzipped`,
    atMost: 60,
    unit: " kB",
    reached: (_alone, bundled) => kilobytesOf(bundled, name),
  })),
]

function packagesOf(folder: string): number {
  return globSync("node_modules/{*,@*/*}/package.json", { cwd: folder }).length
}

function megabytesOf(folder: string): number {
  const files = globSync("node_modules/**/*", { cwd: folder }).map((file) => statSync(path.join(folder, file)))
  return files.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0) / 1e6
}

/** Of what an app that uses one export loads as it starts, gzipped: in one file, or without what is loaded on demand. */
function kilobytesOf(folder: string, name: string): number {
  writeFileSync(path.join(folder, "entry.mjs"), `export { ${name} } from "sluice"\n`)
  return Math.min(...[[], ["--splitting"]].map((flags) => kilobytesLoaded(folder, flags)))
}

function kilobytesLoaded(folder: string, flags: readonly string[]): number {
  const options = [
    "--bundle",
    "--minify",
    "--format=esm",
    "--platform=node",
    "--outdir=weighed",
    "--metafile=weighed.json",
    "--log-level=error",
  ]
  run(path.join(folder, "node_modules/.bin/esbuild"), ["entry.mjs", ...options, ...flags], folder)
  const { outputs } = JSON.parse(readFileSync(path.join(folder, "weighed.json"), "utf8")) as Metafile
  const loaded = new Set(["weighed/entry.js"])
  // A Set's iteration includes what is added on the way.
  for (const file of loaded) {
    for (const { kind, path: next, external } of outputs[file]!.imports) {
      if (kind === "import-statement" && !external) loaded.add(next)
    }
  }
  return [...loaded].reduce((sum, file) => sum + gzipSync(readFileSync(path.join(folder, file))).length / 1e3, 0)
}

/** The part of esbuild's metafile that is read. */
interface Metafile {
  readonly outputs: Readonly<
    Record<
      string,
      { readonly imports: readonly { readonly path: string; readonly kind: string; readonly external?: boolean }[] }
    >
  >
}
