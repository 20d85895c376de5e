/**
 * Bundles the page with Vite: `node client/bundle.ts [FOLDER]` prints the folder. Without one it goes into a cache beside the installed
 * packages, where it stays as long as no source changes.
 */
import { createHash } from "node:crypto"
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs"
import path from "node:path"
import { build } from "vite"

const client = import.meta.dirname
const cache = path.join(client, "../node_modules/.cache/page")
const folder = process.argv[2] ?? path.join(cache, hashOfSources())
if (process.argv[2] !== undefined || !existsSync(folder)) {
  mkdirSync(cache, { recursive: true })
  // Two that build at once do not meet: the second finds the folder there.
  const made = `${folder}.${process.pid}`
  await bundleInto(made)
  if (process.argv[2] !== undefined) rmSync(folder, { recursive: true, force: true })
  try {
    renameSync(made, folder)
  } catch (error) {
    rmSync(made, { recursive: true, force: true })
    if (!existsSync(folder)) throw error
  }
}
process.stdout.write(`${folder}\n`)

async function bundleInto(outDir: string): Promise<void> {
  await build({
    root: client,
    configFile: false,
    logLevel: "error",
    base: "./",
    publicDir: false,
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
    build: {
      outDir,
      emptyOutDir: true,
      target: "es2023",
      manifest: "manifest.json",
      modulePreload: false,
      rolldownOptions: { input: path.join(client, "main.tsx") },
    },
  })
}

function hashOfSources(): string {
  const hash = createHash("sha256")
  const files = globSync("**/*.{ts,tsx,css}", { cwd: client }).toSorted()
  for (const file of files) hash.update(file).update(readFileSync(path.join(client, file)))
  return hash
    .update(readFileSync(path.join(client, "../src/wire.ts")))
    .digest("hex")
    .slice(0, 16)
}
