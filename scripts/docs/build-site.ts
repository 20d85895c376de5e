/** Builds the site from `docs/`, the READMEs and the doc comments into `docs/.vitepress/dist`; a dead link ends it. */
import { spawnSync } from "node:child_process"
import path from "node:path"

const docs = path.join(import.meta.dirname, "../../docs/.vitepress")
for (const command of ["pnpm install --frozen-lockfile", "pnpm run build"]) {
  const { status } = spawnSync(command, { cwd: docs, shell: true, stdio: ["ignore", "inherit", "inherit"] })
  if (status !== 0) process.exit(status ?? 1)
}
