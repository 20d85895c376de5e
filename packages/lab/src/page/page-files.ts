import { execFile } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import path from "node:path"
import { promisify } from "node:util"

const types: Readonly<Record<string, string>> = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
}

/** The page and what it loads. */
export interface PageFiles {
  readonly html: Buffer
  /** By name. */
  readonly assets: ReadonlyMap<string, { readonly type: string; readonly body: Buffer }>
}

/** What was built when the package was; from source it is built the first time that it is asked for. */
export function pageFiles(): Promise<PageFiles> {
  return (files ??= findFiles())
}

let files: Promise<PageFiles> | undefined

async function findFiles(): Promise<PageFiles> {
  const built = path.join(import.meta.dirname, "../client")
  if (existsSync(path.join(built, "index.html"))) return filesOf(built)
  // Apart from this process: a bundler is no part of what runs here.
  const bundler = path.join(import.meta.dirname, "../../client/bundle.ts")
  const { stdout } = await promisify(execFile)(process.execPath, [bundler])
  return filesOf(stdout.trim())
}

function filesOf(folder: string): PageFiles {
  const assets = readdirSync(path.join(folder, "assets")).map(
    (name) =>
      [
        name,
        {
          type: types[path.extname(name)] ?? "application/octet-stream",
          body: readFileSync(path.join(folder, "assets", name)),
        },
      ] as const,
  )
  return { html: readFileSync(path.join(folder, "index.html")), assets: new Map(assets) }
}
