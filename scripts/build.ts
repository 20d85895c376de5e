/** Builds what is published: `dist` of every package, from nothing, since `tsc` never removes what it wrote before. */
import { spawnSync } from "node:child_process"
import { globSync, rmSync } from "node:fs"
import path from "node:path"

const root = path.dirname(import.meta.dirname)
const packages = globSync("packages/*", { cwd: root })

for (const folder of packages) rmSync(path.join(root, folder, "dist"), { recursive: true, force: true })
const tsc = path.join(root, "node_modules/typescript/bin/tsc")
const built = spawnSync(process.execPath, [tsc, "-b", ...packages], {
  cwd: root,
  stdio: ["ignore", "inherit", "inherit"],
})
// The build record is no part of a package; without it the next `tsc -b` builds anew.
for (const record of globSync("packages/*/dist/.tsbuildinfo", { cwd: root })) rmSync(path.join(root, record))

process.exitCode = built.status ?? 1
