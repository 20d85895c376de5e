import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { availableParallelism, cpus, loadavg, totalmem } from "node:os"
import path from "node:path"

/** One line of where and when a benchmark ran. */
export function machineLine(): string {
  const date = new Date().toISOString().slice(0, 10)
  const gigabytes = Math.round(totalmem() / 2 ** 30)
  const load = loadavg()[0]?.toFixed(1)
  return `${date}, ${cpus()[0]?.model.trim() || process.arch}, ${availableParallelism()} cores, ${gigabytes} GB, Node ${process.version}, load average ${load} when it began`
}

/** More is ready to run than there are cores: whoever is measured now waits for the processor. */
export function isBusy(): boolean {
  return (loadavg()[0] ?? 0) > availableParallelism()
}

/** `name version` of an installed package. */
export function packageVersion(name: string): string {
  for (const folder of createRequire(import.meta.url).resolve.paths(name) ?? []) {
    try {
      const { version } = JSON.parse(readFileSync(path.join(folder, name, "package.json"), "utf8")) as {
        version: string
      }
      return `${name} ${version}`
    } catch {
      // Not in this folder.
    }
  }
  return `${name} (not installed)`
}
