/**
 * Builds what is published: `dist` of every package, from nothing, since `tsc` never removes what it wrote before.
 *
 * Bundlers get one module for each source (the condition `module`), so that they can leave out what an app does not use. Whoever
 * runs a package gets one file for each entry point (`dist/bundle`): a process opens a dozen files instead of hundreds.
 */
import { spawnSync } from "node:child_process"
import { globSync, readFileSync, rmSync } from "node:fs"
import path from "node:path"
import { rolldown } from "rolldown"

const root = path.join(import.meta.dirname, "../..")
const packages = globSync("packages/*", { cwd: root })

for (const folder of packages) rmSync(path.join(root, folder, "dist"), { recursive: true, force: true })
const tsc = path.join(root, "node_modules/typescript/bin/tsc")
const built = spawnSync(process.execPath, [tsc, "-b", ...packages], {
  cwd: root,
  stdio: ["ignore", "inherit", "inherit"],
})
// The build record is no part of a package; without it the next `tsc -b` builds anew.
for (const record of globSync("packages/*/dist/.tsbuildinfo", { cwd: root })) rmSync(path.join(root, record))

if (built.status === 0) for (const folder of packages) await bundle(path.join(root, folder))
const pages = built.status === 0 ? buildPage("page") || buildPage("lab") : 0
process.exitCode = built.status || pages

/** What the browser gets of a package's live page: code and styles, bundled by Vite. */
function buildPage(name: string): number {
  const folder = path.join(root, "packages", name)
  const bundler = spawnSync(process.execPath, ["client/bundle.ts", path.join(folder, "dist/client")], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
  })
  return bundler.status ?? 1
}

/** One file for each entry point that has one of its own, with what several of them share beside it. */
async function bundle(folder: string): Promise<void> {
  const { exports } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, { readonly "@sluice/source": string; readonly default: string }>>
  }
  const entries = Object.values(exports)
    .filter((entry) => entry.default.startsWith("./dist/bundle/"))
    .map((entry) => [path.basename(entry.default, ".js"), entry["@sluice/source"]])
  if (entries.length === 0) return
  const build = await rolldown({
    cwd: folder,
    input: Object.fromEntries(entries) as Record<string, string>,
    external: /^[^./]/,
    platform: "node",
  })
  await build.write({
    dir: path.join(folder, "dist/bundle"),
    format: "esm",
    sourcemap: true,
    entryFileNames: "[name].js",
    chunkFileNames: "shared-[hash].js",
  })
  await build.close()
}
