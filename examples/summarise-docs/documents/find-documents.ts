import { realpath, readdir, stat } from "node:fs/promises"
import { join, relative, resolve, sep } from "node:path"
import { glob, isDynamicPattern } from "tinyglobby"
import { UsageError } from "../usage-error.ts"

/** Where pnpm keeps the installed dependency tree: every package once, its README with it. */
export const readmesOfDependencies = "node_modules/.pnpm/*/node_modules/**/readme*.md"

/**
 * Paths of the documents that files, folders and globs name, relative to `cwd`, sorted; a file that is reachable in several
 * ways comes once. A named file that is not there is kept, so that reading it gives its reason.
 */
export async function findDocuments(inputs: readonly string[], cwd: string): Promise<string[]> {
  const found = (await Promise.all(inputs.map((input) => expand(input, cwd)))).flat()
  const byRealPath = new Map<string, string>()
  for (const path of found.toSorted()) {
    const real = await realpath(path).catch(() => path)
    if (!byRealPath.has(real)) byRealPath.set(real, path)
  }
  if (byRealPath.size === 0) throw new UsageError(`no document matches ${inputs.join(" ")}`)
  return [...byRealPath.values()].map((path) => relative(cwd, path).split(sep).join("/"))
}

async function expand(input: string, cwd: string): Promise<string[]> {
  const path = resolve(cwd, input)
  const stats = await stat(path).catch(() => undefined)
  if (stats?.isDirectory()) {
    await readdir(path).catch((error: Error) => {
      throw new UsageError(`cannot read the folder ${input}: ${error.message}`)
    })
    return globFiles("**/*.{md,markdown,txt}", path)
  }
  if (stats === undefined && /[/\\]$/.test(input))
    throw new UsageError(`cannot read the folder ${input}: it does not exist`)
  if (stats === undefined && isDynamicPattern(input)) return globFiles(input, cwd)
  return [path]
}

async function globFiles(pattern: string, folder: string): Promise<string[]> {
  const inside = await glob([pattern], {
    cwd: folder,
    dot: true,
    caseSensitiveMatch: false,
    // pnpm links every package into its dependents' folders: following the links would walk in circles.
    followSymbolicLinks: false,
    expandDirectories: false,
  })
  return inside.map((path) => join(folder, path))
}
