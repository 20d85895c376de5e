/** Packs every public package into a folder, and opens what was packed: `pnpm release:pack release`. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { checkFiles } from "./package-files.ts"
import { packPackages } from "./pack-packages.ts"

const to = path.resolve(process.argv[2] ?? "release")
const opened = mkdtempSync(path.join(tmpdir(), "sluice-opened-"))
try {
  mkdirSync(to, { recursive: true })
  for (const packed of packPackages(to)) {
    checkFiles(packed, opened)
    process.stdout.write(`${packed.manifest.name} ${packed.tarball}\n`)
  }
} finally {
  rmSync(opened, { recursive: true })
}
