import { existsSync, realpathSync } from "node:fs"
import { isAbsolute, join, relative, resolve, sep } from "node:path"
import { usageError } from "../usage-error.ts"
import { kindOf, statOf } from "../files/path-kind.ts"

/**
 * Files as they were named, globs and folders put in their files (sorted); `-` is standard input. What the command writes itself, `own`, no
 * glob fits. Throws when there is nothing, and where such a file was named.
 */
export async function expandInputs(
  names: readonly string[],
  followLinks: boolean,
  own: readonly string[],
): Promise<string[]> {
  const written = new Set(own.map(placeOf))
  const isOwn = (file: string): boolean => written.has(placeOf(file))
  const files: string[] = []
  for (const name of names) files.push(...(await filesOf(name, followLinks, isOwn)))
  return files
}

/** Behind whatever links; the path itself where there is nothing yet. */
function placeOf(path: string): string {
  return existsSync(path) ? realpathSync(path) : resolve(path)
}

async function filesOf(name: string, followLinks: boolean, isOwn: (file: string) => boolean): Promise<string[]> {
  if (name === "-") return [name]
  const stat = statOf(name)
  if (stat?.isFile() && isOwn(name))
    throw usageError(`${name} is the input, and where this command writes its results. Choose another --out.`)
  if (stat?.isFile() || stat?.isFIFO()) return [name]
  const { glob, isDynamicPattern } = await import("tinyglobby")
  const isFolder = stat?.isDirectory() ?? false
  if (stat && !isFolder) throw usageError(`${name} is ${kindOf(stat)}, not a file. Give - for standard input.`)
  if (!isFolder && (name.includes("{{") || !isDynamicPattern(name))) {
    const isQuestion = /\s/.test(name) || name.includes("{{")
    throw usageError(`${name}: no such file.${isQuestion ? " If that is the question, give it with --prompt." : ""}`)
  }
  const found = isFolder
    ? (await glob("**/*", { cwd: name, expandDirectories: false })).map((file) => join(name, file))
    : (await glob(name, { expandDirectories: false })).filter((file) => !isOwn(file))
  const files = found.toSorted()
  for (const file of files) checkFile(file)
  if (!followLinks) checkLinks(files, isFolder ? name : folderOf(name), name)
  if (files.length === 0) throw usageError(`${name}: no file fits.`)
  return files
}

/** A link may lead to what is no file, or nowhere. */
function checkFile(path: string): void {
  const stat = statOf(path)
  if (!stat?.isFile()) throw usageError(`${path} leads to ${stat ? kindOf(stat) : "nothing"}, not to a file.`)
}

/** Below which everything lies that a pattern can name. */
function folderOf(pattern: string): string {
  const [base = "."] = pattern.split(/[*?[\]{}()!+@]/, 1)
  return base.includes("/") ? base.slice(0, base.lastIndexOf("/") + 1) : "."
}

/** Whoever may write into a folder must not choose what else is sent to a vendor. */
function checkLinks(files: readonly string[], folder: string, name: string): void {
  for (const file of files) {
    if (isWithin(folder, file)) continue
    throw usageError(
      `${file}: a link leads out of the folder of ${name}. Name the file by itself, or give --follow-links.`,
    )
  }
}

/** Whether the file that is there, behind whatever links, lies in that folder. */
export function isWithin(folder: string, file: string): boolean {
  return isBelow(realpathSync(folder), realpathSync(file))
}

/** By the paths alone: whether it is there or not. */
export function isBelow(folder: string, file: string): boolean {
  const inside = relative(resolve(folder), resolve(file))
  return inside !== ".." && !inside.startsWith(`..${sep}`) && !isAbsolute(inside)
}
