import { existsSync, globSync, readFileSync } from "node:fs"
import path from "node:path"

interface Entry {
  readonly text: string
  readonly link: string
}

const root = path.join(import.meta.dirname, "../..")

/** A page by its file; its first heading is its name here. */
function page(file: string): Entry {
  const heading = readFileSync(path.join(root, file), "utf8").match(/^# (.+)$/m)?.[1] ?? file
  return {
    text: heading.replaceAll(/[`*]/g, ""),
    link: `/${file.replace(/(^|\/)README\.md$/, "$1").replace(/\.md$/, "")}`,
  }
}

function pages(pattern: string, first: readonly string[] = [], without: readonly string[] = []): Entry[] {
  const rest = globSync(pattern, { cwd: root }).filter((file) => !first.includes(file) && !without.includes(file))
  return [...first.filter((file) => existsSync(path.join(root, file))), ...rest.toSorted()].map(page)
}

const named = (...names: readonly string[]): Entry[] => names.map((name) => page(`docs/${name}.md`))

const seeIt = ["docs/see-it.md", "docs/guides/opentelemetry.md"]

interface Section {
  readonly text: string
  readonly collapsed?: boolean
  readonly items: Entry[]
}

const sections: readonly Section[] = [
  { text: "Start", items: [{ text: "What it is", link: "/" }, ...named("limits", "esm")] },
  {
    text: "Guides",
    items: [
      ...pages("docs/guides/*.md", ["docs/guides/four-tasks.md"], seeIt),
      ...named("good-practices", "retries", "my-429s-do-not-go-away", "vendor-batches"),
    ],
  },
  { text: "Cookbook", items: pages("examples/*/README.md", ["examples/summarise-docs/README.md"]) },
  { text: "SDKs", items: pages("docs/sdks/*.md", ["docs/sdks/openai.md"]) },
  { text: "Flows", items: named("flows") },
  { text: "The command", items: named("cli") },
  { text: "Scale out", items: pages("docs/scale-out{,/*,-*}.md", ["docs/scale-out.md"]) },
  { text: "See it", items: seeIt.filter((file) => existsSync(path.join(root, file))).map(page) },
  { text: "Test your throttling", items: named("testing") },
  { text: "How it works", items: [...named("ARCHITECTURE"), page("CONTRIBUTING.md"), page("SECURITY.md")] },
  { text: "Coming from", items: [...named("comparison"), ...pages("docs/from-*.md", ["docs/from-p-limit.md"])] },
  { text: "Reference", items: pages("docs/reference/*.md") },
  { text: "Measured", collapsed: true, items: pages("docs/benchmarks/*.md") },
  { text: "Decisions", collapsed: true, items: pages("docs/decisions/*.md", ["docs/decisions/README.md"]) },
]

/** Every page of the site, under the question that brings a reader to it. `scripts/docs/site.test.ts` finds pages that are missing here. */
export const sidebar: Section[] = sections.filter(({ items }) => items.length > 0)
