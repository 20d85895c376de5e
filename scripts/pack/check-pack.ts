/**
 * Checks what would be published, as its users get it: builds, packs, lints and opens every public package, installs the tarballs
 * with npm and pnpm into empty folders, imports every entry point, compiles and runs the code of every page unchanged,
 * compiles a library that exports its nodes, tries older set-ups as `docs/esm.md` tells, bundles apps with every bundler and
 * runs the bundles, runs the apps on other versions of Node, Bun and Deno, asks a Node that is too old, starts a Worker, and runs the commands.
 * What needs nothing but the tarballs goes side by side: `check-pack-part.ts`.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import { checkOlderNode } from "./platforms/older-node.ts"
import { checkFiles } from "./package-files.ts"
import { type Packed, packPackages } from "./pack-packages.ts"
import { olderNode } from "./platforms/run-times.ts"

const work = mkdtempSync(path.join(tmpdir(), "sluice-pack-"))

try {
  step("build and pack")
  const packed = packPackages(work)
  step("lint the tarballs")
  for (const each of packed) await lintTarball(each)
  step("open them")
  for (const each of packed) checkFiles(each, path.join(work, "opened"))
  writeFileSync(path.join(work, "packed.json"), JSON.stringify(packed))
  const codes = await Promise.all(["npm", "pnpm", "set-ups", "bundles"].map(inProcess))
  if (codes.some((code) => code !== 0)) throw new Error("a part has failed")
  step("ask Node 20 which version is needed")
  await checkOlderNode(path.join(work, "pages-npm"), path.join(work, "bundles", olderNode))
  process.stdout.write(`check:pack: ${packed.length} packages pack, install, compile, bundle and run\n`)
} catch (error) {
  process.stdout.write(`check:pack: ${String(error)}\n`)
  process.exitCode = 1
} finally {
  rmSync(work, { recursive: true, force: true })
}

function step(title: string): void {
  process.stdout.write(`check:pack: ${title}\n`)
}

/** Returns how a part of the check has ended. */
async function inProcess(part: string): Promise<number | null> {
  const args = ["--conditions=@sluice/source", path.join(import.meta.dirname, "check-pack-part.ts"), part, work]
  const child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] })
  const [code] = (await once(child, "close")) as [number | null]
  return code
}

async function lintTarball({ manifest, tarball }: Packed): Promise<void> {
  const bytes = new Uint8Array(readFileSync(tarball)).buffer
  const { messages, pkg } = await publint({ pack: { tarball: bytes }, level: "warning", strict: true })
  const lines = messages.map((message) => formatMessage(message, pkg))
  if (lines.length > 0) throw new Error(`publint, ${manifest.name}:\n${lines.join("\n")}`)
}
