import { globSync, readFileSync } from "node:fs"
import path from "node:path"

/** A program that a page shows. */
export interface DocBlock {
  /** The page, from the root. */
  readonly page: string
  /** The heading that it stands under. */
  readonly heading: string
  /** A name for a module of it, as no other block has. */
  readonly module: string
  /** As the page shows it, to the letter. */
  readonly code: string
  /** What the comments behind `console.log(...)` say that it prints. */
  readonly prints: string
}

const pages = ["README.md", "docs/**/*.md", "packages/*/README.md", "examples/*/README.md"]

/** The README, the pages of `docs` that somebody wrote, and the READMEs of packages and examples, sorted. */
export function docPages(root: string): string[] {
  return globSync(pages, { cwd: root, exclude: ["**/node_modules/**", "docs/reference/**"] }).toSorted()
}

/** Every TypeScript and JavaScript block of the pages. */
export function docBlocks(root: string): DocBlock[] {
  return docPages(root).flatMap((page) => blocksOf(page, readFileSync(path.join(root, page), "utf8")))
}

/** The blocks of one page. */
export function blocksOf(page: string, text: string): DocBlock[] {
  let heading = ""
  const blocks: DocBlock[] = []
  for (const [, title, language, code] of text.matchAll(/^#+ (.+)$|^```(ts|js)\n([\s\S]*?)^```$/gm)) {
    if (title !== undefined) heading = title
    if (language === undefined) continue
    const name = page.replace(/\.md$/, "").replaceAll(/\W+/g, "-")
    const module = `${name}-${blocks.length + 1}.m${language}`
    blocks.push({ page, heading, module, code: code!, prints: printedBy(code!) })
  }
  return blocks
}

function printedBy(code: string): string {
  return [...code.matchAll(/console\.log\(.*\) \/\/ (.+)$/gm)].map(([, line]) => `${line}\n`).join("")
}
