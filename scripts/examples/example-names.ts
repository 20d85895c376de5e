import { globSync } from "node:fs"
import path from "node:path"

/** The folders of `examples/` that have a `main.ts`, sorted. */
export function exampleNames(root: string): string[] {
  return globSync("examples/*/main.ts", { cwd: root })
    .map((file) => path.basename(path.dirname(file)))
    .toSorted()
}

/** The one whose output is figures of its own run: it has tests of its own, and the checks run it as people do. The others are run by the tests, which know what each prints. */
export const freeExample = "summarise-docs"
