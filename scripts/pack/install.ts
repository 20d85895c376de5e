import { mkdirSync, writeFileSync } from "node:fs"
import path from "node:path"
import type { Packed } from "./pack-packages.ts"
import { run } from "./run.ts"

export type Manager = "npm" | "pnpm"

/**
 * An empty folder with `dependencies` installed, by name and version; those that are packed come from their tarballs, also
 * where another of them needs one.
 */
export function install(
  folder: string,
  manager: Manager,
  packed: readonly Packed[],
  dependencies: Readonly<Record<string, string>>,
  flagsOfNpm: readonly string[] = [],
): void {
  const tarballs = Object.fromEntries(packed.map(({ manifest, tarball }) => [manifest.name, `file:${tarball}`]))
  const wanted = Object.entries(dependencies).map(([name, version]) => [name, tarballs[name] ?? version])
  const manifest = {
    name: path.basename(folder),
    private: true,
    type: "module",
    dependencies: Object.fromEntries(wanted),
  }
  const inner = Object.fromEntries(Object.entries(tarballs).filter(([name]) => !(name in dependencies)))
  mkdirSync(folder)
  const write = (file: string, value: unknown): void => writeFileSync(path.join(folder, file), JSON.stringify(value))
  if (manager === "npm") {
    write("package.json", { ...manifest, overrides: inner })
    const quiet = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
    run("npm", ["install", ...quiet, ...flagsOfNpm], folder)
  } else {
    write("package.json", manifest)
    // JSON is YAML.
    write("pnpm-workspace.yaml", { packages: ["."], overrides: tarballs, strictDepBuilds: false, pmOnFail: "ignore" })
    run("pnpm", ["install", "--silent"], folder)
  }
}
