import { existsSync, readFileSync } from "node:fs"
import path from "node:path"
import { describe, expect, it } from "vitest"
import { blocksOf, docPages } from "./doc-blocks.ts"

const root = path.join(import.meta.dirname, "../..")
const read = (page: string): string => readFileSync(path.join(root, page), "utf8")
const pages = docPages(root)

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

it.each(pages)("%s says what to install for the code that it shows", (page) => {
  const text = read(page)
  const installed = [...text.matchAll(/npm i(?: -D)?((?: [@\w/-]+)+)/g)].flatMap(([, names]) =>
    names!.trim().split(" "),
  )
  const imported = blocksOf(page, text).flatMap(({ code }) =>
    [...code.matchAll(/from "(?!node:|\.)((?:@[^/"]+\/)?[^/"]+)/g)].map(([, name]) => name!),
  )
  expect([...new Set(imported)].filter((name) => !installed.includes(name))).toEqual([])
})

it("the README's figures stand in the pages that it links them to", () => {
  const table = read("README.md").split("## What is proven")[1]!.split("\n## ")[0]!
  const rows = [...table.matchAll(/\]\((docs\/benchmarks\/[\w-]+\.md)\): (.+) \|$/gm)]
  expect(rows).toHaveLength(5)
  for (const [, page, words] of rows) {
    const figures = words!.match(/\d[\d,.]*(?<![,.])/g)!
    const text = read(page!).replaceAll(",", "")
    const missing = figures.filter(
      (figure) => !new RegExp(`(?<![\\d.])${figure.replaceAll(",", "")}(?![\\d])`).test(text),
    )
    expect(missing, page).toEqual([])
  }
})

it("the README dates the SDKs that were tried as their page does", () => {
  const day = /\d{4}-\d\d-\d\d/
  const told = read("README.md").match(/\]\(docs\/benchmarks\/peers\.md\) on (\S+);/)?.[1]
  expect(told).toBe(read("docs/benchmarks/peers.md").match(day)?.[0])
})
