import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import path from "node:path"
import type { VendorServer } from "@sluice/lab"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { blocksOf, docBlocks } from "./doc-blocks.ts"
import { runModule, startPagesVendor } from "./run-block.ts"

const root = path.join(import.meta.dirname, "../..")
const blocks = docBlocks(root)

it("finds the blocks of a page, under their headings, with what they promise", () => {
  const page = '# One\n\n```ts\nconsole.log("a") // a\nlog()\n```\n\n## Two\n\n```sh\nls\n```\n\n```js\nx\n```\n'
  expect(blocksOf("docs/a/page.md", page)).toEqual([
    {
      page: "docs/a/page.md",
      heading: "One",
      module: "docs-a-page-1.mts",
      code: 'console.log("a") // a\nlog()\n',
      prints: "a\n",
    },
    { page: "docs/a/page.md", heading: "Two", module: "docs-a-page-2.mjs", code: "x\n", prints: "" },
  ])
})

it("every page that shows code is found", () => {
  const pages = new Set(blocks.map(({ page }) => page))
  expect([...pages]).toEqual(expect.arrayContaining(["README.md", "docs/good-practices.md", "docs/sdks/openai.md"]))
  expect(blocks.length).toBeGreaterThan(20)
})

/** From the sources; `pnpm check:pack` does the same from what is published, with the types. */
describe("the code of the pages runs as it stands", () => {
  // Inside a package that depends on what the pages tell to install.
  const folder = mkdtempSync(path.join(root, "scripts/docs/reader/.blocks-"))
  let vendor: VendorServer
  let env: NodeJS.ProcessEnv
  beforeAll(async () => {
    ;({ vendor, env } = await startPagesVendor())
  })
  afterAll(async () => {
    await vendor.stop()
    rmSync(folder, { recursive: true })
  })

  it.each(blocks)("$page, $heading: $module", { timeout: 60_000 }, async ({ module, code, prints }) => {
    vendor.reset()
    writeFileSync(path.join(folder, module), code)
    const printed = await runModule(folder, ["--conditions=@sluice/source", module], env)
    expect(prints === "" ? { ...printed, stdout: "" } : printed).toEqual({ code: 0, stdout: prints, stderr: "" })
    expect(vendor.stats().repeats).toBe(0)
  })
})
