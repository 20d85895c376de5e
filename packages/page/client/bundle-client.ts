import { createHash } from "node:crypto"
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs"
import path from "node:path"
import { build } from "vite"

export interface ClientBundle {
  /** The folder of the sources. */
  readonly client: string
  readonly entry: string
  /** Where the files are served. */
  readonly base: string
  /** Folders: what is bundled changes when one of their files does. */
  readonly sources: readonly string[]
}

/**
 * Bundles what a browser gets into the folder that the command line names, and prints it. Without one it goes into a cache beside the
 * installed packages, where it stays as long as no source changes.
 */
export async function bundleClient(bundle: ClientBundle): Promise<void> {
  const cache = path.join(bundle.client, "../node_modules/.cache/page")
  const wanted = process.argv[2]
  const folder = wanted ?? path.join(cache, hashOf(bundle.sources))
  if (wanted !== undefined || !existsSync(folder)) {
    mkdirSync(cache, { recursive: true })
    // Two that build at once do not meet: the second finds the folder there.
    const made = `${folder}.${process.pid}`
    await bundleInto(made, bundle)
    if (wanted !== undefined) rmSync(folder, { recursive: true, force: true })
    try {
      renameSync(made, folder)
    } catch (error) {
      rmSync(made, { recursive: true, force: true })
      if (!existsSync(folder)) throw error
    }
  }
  process.stdout.write(`${folder}\n`)
}

async function bundleInto(outDir: string, { client, entry, base }: ClientBundle): Promise<void> {
  await build({
    root: client,
    configFile: false,
    logLevel: "error",
    base,
    publicDir: false,
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
    build: {
      outDir,
      emptyOutDir: true,
      target: "es2023",
      manifest: "manifest.json",
      modulePreload: false,
      rolldownOptions: { input: path.join(client, entry) },
    },
  })
}

function hashOf(folders: readonly string[]): string {
  const hash = createHash("sha256")
  for (const folder of folders)
    for (const file of globSync("**/*.{ts,tsx,css,html}", { cwd: folder }).toSorted())
      hash.update(file).update(readFileSync(path.join(folder, file)))
  return hash.digest("hex").slice(0, 16)
}
