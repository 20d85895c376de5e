import { globSync } from "node:fs"
import path from "node:path"

/** The folders of `examples/` that have a `main.ts`, sorted. */
export function exampleNames(root: string): string[] {
  return globSync("examples/*/main.ts", { cwd: root })
    .map((file) => path.basename(path.dirname(file)))
    .toSorted()
}
