import { readFileSync } from "node:fs"
import { join } from "node:path"

/** Of the command, as npm knows it. */
export function packageVersion(): string {
  // One folder up, from `src` as from `dist`.
  const text = readFileSync(join(import.meta.dirname, "../package.json"), "utf8")
  return (JSON.parse(text) as { version: string }).version
}
