import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import path from "node:path"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"

const root = path.join(import.meta.dirname, "../../..")
// A package that depends on `sluice` and an SDK, as a user's does.
const user = path.join(root, "examples/throttled-sdk")

interface Block {
  readonly title: string
  readonly code: string
}

/** The TypeScript blocks of a page, each named after its heading. */
function blocksOf(page: string): Block[] {
  const text = readFileSync(path.join(root, page), "utf8")
  let heading = ""
  return [...text.matchAll(/^#+ (.+)$|^```ts\n([\s\S]*?)^```$/gm)].flatMap(([, title, code], index) => {
    if (title) heading = title
    return code ? [{ title: `${heading} (${index})`, code }] : []
  })
}

/** What the comments behind `console.log(...)` say that it prints. */
function promisedBy(code: string): string {
  return [...code.matchAll(/console\.log\(.*\) \/\/ (.+)$/gm)].map(([, line]) => `${line}\n`).join("")
}

async function run(code: string, cwd: string): Promise<{ stdout: string; stderr: string }> {
  const args = ["--conditions=@sluice/source", "--input-type=module-typescript", "--eval", code]
  return promisify(execFile)(process.execPath, args, { cwd })
}

describe.each([
  { page: "docs/from-pocketflow.md", count: 5, cwd: user },
  { page: "docs/good-practices.md", count: 5, cwd: user },
  { page: "packages/pocketflow/README.md", count: 1, cwd: path.join(root, "packages/pocketflow") },
])("$page", ({ page, count, cwd }) => {
  const blocks = blocksOf(page)

  it("has its code", () => {
    expect(blocks).toHaveLength(count)
  })

  it.each(blocks)(
    "$title prints what it says",
    async ({ code }) => {
      expect(promisedBy(code)).not.toBe("")
      expect(await run(code, cwd)).toEqual({ stdout: promisedBy(code), stderr: "" })
    },
    120_000,
  )
})
