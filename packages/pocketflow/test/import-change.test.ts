import { execFile } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import path from "node:path"
import { promisify } from "node:util"
import { expect, it } from "vitest"

const root = path.join(import.meta.dirname, "../../..")
const program = readFileSync(path.join(import.meta.dirname, "fixtures/written-for-pocketflow.ts"), "utf8")

const run = async (folder: string, ...args: string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, args, { cwd: folder })).stdout

it("a program written for pocketflow compiles and does the same after changing the import", async () => {
  // Inside the package, so that both imports are found.
  const folder = mkdtempSync(path.join(import.meta.dirname, "../.examples-"))
  try {
    writeFileSync(path.join(folder, "theirs.mts"), program)
    writeFileSync(path.join(folder, "ours.mts"), program.replace('from "pocketflow"', 'from "@sluice/pocketflow"'))
    writeFileSync(
      path.join(folder, "tsconfig.json"),
      JSON.stringify({ extends: path.join(root, "tsconfig.test.json"), include: ["*.mts"] }),
    )
    // Rejects with what the compiler says.
    await run(folder, path.join(root, "node_modules/typescript/bin/tsc"))
    const [theirs, ours] = await Promise.all(
      ["theirs.mts", "ours.mts"].map((file) => run(folder, "--conditions=@sluice/source", file)),
    )
    expect(ours).toBe(theirs)
    expect(JSON.parse(ours!)).toMatchObject({
      shared: { totals: { "a/x.md": 8, "a/y.md": 0, "b/x.md": 8, "b/y.md": 0 }, summaries: { length: 7 } },
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}, 60_000)
