import { globSync, readFileSync } from "node:fs"
import path from "node:path"
import { run } from "./run.ts"

export const root: string = path.join(import.meta.dirname, "../..")

export interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly bin?: string | Readonly<Record<string, string>>
  readonly exports?: Readonly<Record<string, unknown>>
  readonly dependencies?: Readonly<Record<string, string>>
}

/** A package as it would be published. */
export interface Packed {
  readonly folder: string
  readonly manifest: Manifest
  readonly tarball: string
}

/** Builds every package and packs those that are public into `to`. */
export function packPackages(to: string): Packed[] {
  run(process.execPath, ["scripts/pack/build.ts"], root)
  return globSync("packages/*/package.json", { cwd: root })
    .toSorted()
    .map((file) => path.dirname(path.join(root, file)))
    .map((folder) => ({ folder, manifest: readManifest(folder) }))
    .filter(({ manifest }) => !manifest.private)
    .map(({ folder, manifest }) => {
      // pnpm writes real versions in place of `workspace:` and `catalog:`.
      const tarball = path.join(to, `${manifest.name.replaceAll(/\W+/g, "-")}.tgz`)
      run("pnpm", ["pack", "--out", tarball], folder)
      return { folder, manifest, tarball }
    })
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8")) as Manifest
}

/** The versions of the workspace's catalog, by name. */
export function catalog(): ReadonlyMap<string, string> {
  const text = readFileSync(path.join(root, "pnpm-workspace.yaml"), "utf8")
  const lines = text.slice(text.indexOf("\ncatalog:")).matchAll(/^ {2}"?([^":\n]+)"?: (\S+)$/gm)
  return new Map([...lines].map(([, name, version]) => [name!, version!]))
}
