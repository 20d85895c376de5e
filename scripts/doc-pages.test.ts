import { existsSync, globSync, readFileSync } from "node:fs"
import path from "node:path"
import { describe, expect, it } from "vitest"

const root = path.dirname(import.meta.dirname)
const read = (page: string): string => readFileSync(path.join(root, page), "utf8")
const pages = [
  "README.md",
  ...globSync(["docs/**/*.md", "packages/*/README.md", "examples/*/README.md"], {
    cwd: root,
    exclude: ["**/node_modules/**", "docs/reference/**"],
  }),
].toSorted()

it("every SDK has its page of at most 60 lines", () => {
  const sdks = pages.filter((page) => page.startsWith("docs/sdks/")).map((page) => path.basename(page))
  expect(sdks).toEqual(["ai-sdk.md", "anthropic.md", "fetch.md", "google-genai.md", "langchain.md", "openai.md"])
  for (const page of sdks) expect(read(`docs/sdks/${page}`).split("\n").length, page).toBeLessThanOrEqual(61)
})

describe("links", () => {
  it.each(pages)("of %s lead to files that exist", (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)].map(([, link]) => link!)
    expect(links.filter((link) => !existsSync(path.join(root, path.dirname(page), link)))).toEqual([])
  })
})
