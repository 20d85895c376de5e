import path from "node:path"
import { expect, test } from "vitest"
import { sidebar } from "../../docs/.vitepress/sidebar.ts"
import { docPages } from "./doc-blocks.ts"

const root = path.join(import.meta.dirname, "../..")

test("every page of the site stands in its navigation", () => {
  const owned = sidebar.flatMap(({ items }) => items.map(({ link }) => link))
  const files = docPages(root).filter((page) => !page.startsWith("packages/"))
  const links = files.map((file) => `/${file.replace(/(^|\/)README\.md$/, "$1").replace(/\.md$/, "")}`)
  expect(links.filter((link) => !owned.includes(link))).toEqual([])
})

test("the navigation names a page once", () => {
  const links = sidebar.flatMap(({ items }) => items.map(({ link }) => link))
  expect(links.toSorted()).toEqual([...new Set(links)].toSorted())
})
