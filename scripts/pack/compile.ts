import { spawnSync } from "node:child_process"
import path from "node:path"
import { root } from "./pack-packages.ts"

/**
 * Type-checks `files` of `folder` as a strict user does, with and without `skipLibCheck`; with `declarations` they are
 * written too. `types`: TypeScript 7 includes none that nobody names. An error inside somebody else's package is theirs: no page or package of ours can mend it.
 */
export function compile(
  folder: string,
  files: readonly string[],
  declarations: boolean,
  types: readonly string[] = ["--types", "node"],
): void {
  const tsc = path.join(root, "node_modules/typescript/bin/tsc")
  const output = declarations ? ["--declaration", "--outDir", "declared"] : ["--noEmit", "--allowImportingTsExtensions"]
  const options = ["--ignoreConfig", "--strict", "--module", "nodenext", "--target", "es2023", ...types]
  for (const lib of ["true", "false"]) {
    const args = [tsc, ...files, ...options, ...output, "--skipLibCheck", lib, "--pretty", "false"]
    const { stdout, status } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" })
    const errors = stdout.split("\n").filter((line) => /: error TS\d+:/.test(line))
    const ours = errors.filter((line) => !isTheirs(line))
    if (ours.length > 0 || (status !== 0 && errors.length === 0))
      throw new Error(`tsc, skipLibCheck ${lib}, in ${path.basename(folder)}:\n${ours.join("\n") || stdout}`)
  }
}

function isTheirs(line: string): boolean {
  const file = line.slice(0, line.indexOf("("))
  return file.includes("node_modules/") && !/node_modules\/(?:@sluice\/\w+|sluice)\/[^:]*$/.test(file)
}
