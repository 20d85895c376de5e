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

function pages(pattern: string, first: readonly string[] = []): Entry[] {
  const rest = globSync(pattern, { cwd: root }).filter((file) => !first.includes(file))
  return [...first.filter((file) => existsSync(path.join(root, file))), ...rest.toSorted()].map(page)
}

/** Every page of the site, under the question that brings a reader to it. `scripts/site.test.ts` finds pages that are missing here. */
export const sidebar: { readonly text: string; readonly collapsed?: boolean; readonly items: Entry[] }[] = [
  {
    text: "Start",
    items: [
      { text: "What it is", link: "/" },
      ...["good-practices", "limits", "retries", "my-429s-do-not-go-away", "esm"].map((name) =>
        page(`docs/${name}.md`),
      ),
    ],
  },
  { text: "Your SDK", items: pages("docs/sdks/*.md", ["docs/sdks/openai.md"]) },
  { text: "Guides", items: [...pages("docs/guides/*.md"), page("docs/vendor-batches.md")] },
  { text: "Flows", items: [page("docs/flows.md")] },
  { text: "The command", items: [page("docs/cli.md")] },
  { text: "Cookbook", items: pages("examples/*/README.md", ["examples/summarise-docs/README.md"]) },
  { text: "Test your throttling", items: [page("docs/testing.md")] },
  {
    text: "Coming from",
    items: ["comparison", "from-p-limit", "from-langchain", "from-pocketflow"].map((name) => page(`docs/${name}.md`)),
  },
  { text: "Reference", items: pages("docs/reference/*.md") },
  { text: "How it works", items: [page("docs/ARCHITECTURE.md"), page("CONTRIBUTING.md")] },
  { text: "Measured", collapsed: true, items: pages("docs/benchmarks/*.md") },
  { text: "Decisions", collapsed: true, items: pages("docs/decisions/*.md", ["docs/decisions/README.md"]) },
]
