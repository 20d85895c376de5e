import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { findDocuments } from "../../../examples/summarise-docs/documents/find-documents.ts"
import { parseOptions } from "../../../examples/summarise-docs/options.ts"
import { readDocument } from "../../../examples/summarise-docs/documents/read-document.ts"
import { renderReport } from "../../../examples/summarise-docs/results/report.ts"
import { splitDocument } from "../../../examples/summarise-docs/documents/split-document.ts"
import { UsageError } from "../../../examples/summarise-docs/usage-error.ts"

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-demo-"))
  await mkdir(join(folder, "docs/deep"), { recursive: true })
  await writeFile(join(folder, "docs/a.md"), "# A\n\nText.")
  await writeFile(join(folder, "docs/deep/b.MD"), "# B\n\nText.")
  await writeFile(join(folder, "docs/notes.txt"), "Text.")
  await writeFile(join(folder, "docs/code.ts"), "export {}")
  await writeFile(join(folder, "docs/[odd].md"), "Text.")
  await writeFile(join(folder, "empty.md"), " \n\t\n")
  await writeFile(join(folder, "zero.md"), "a\0b")
  await writeFile(join(folder, "latin1.md"), Buffer.from([0x63, 0x61, 0x66, 0xe9]))
  await writeFile(join(folder, "huge.md"), Buffer.alloc(5_000_001, 0x61))
  await symlink(join(folder, "docs"), join(folder, "link"))
  await symlink(join(folder, "nowhere"), join(folder, "dangling.md"))
})
afterAll(() => rm(folder, { recursive: true }))

describe("findDocuments", () => {
  it.each([
    { inputs: ["docs"], found: ["docs/[odd].md", "docs/a.md", "docs/deep/b.MD", "docs/notes.txt"] },
    { inputs: ["docs/**/*.md"], found: ["docs/[odd].md", "docs/a.md", "docs/deep/b.MD"] },
    {
      inputs: ["docs/a.md", "docs/*.md", "link/a.md", "docs"],
      found: ["docs/[odd].md", "docs/a.md", "docs/deep/b.MD", "docs/notes.txt"],
    },
    { inputs: ["docs/[odd].md"], found: ["docs/[odd].md"] },
    { inputs: ["docs/code.ts", "gone.md", "dangling.md"], found: ["dangling.md", "docs/code.ts", "gone.md"] },
  ])("$inputs", async ({ inputs, found }) => {
    expect(await findDocuments(inputs, folder)).toEqual(found)
  })

  it.each([
    [["nothing/*.md"], "no document matches nothing/*.md"],
    [["gone/"], "cannot read the folder gone/: it does not exist"],
  ])("%s is a usage error", async (inputs, message) => {
    await expect(findDocuments(inputs, folder)).rejects.toThrow(new UsageError(message))
  })
})

describe("readDocument", () => {
  it.each([
    ["docs/a.md", { text: "# A\n\nText." }],
    ["empty.md", { reason: "empty" }],
    ["zero.md", { reason: "binary: it contains zero bytes" }],
    ["latin1.md", { reason: "binary: it is not UTF-8 text" }],
    ["huge.md", { reason: "too large: 5000001 bytes, at most 5000000" }],
    ["dangling.md", { reason: "unreadable: ENOENT" }],
    ["docs", { reason: "not a file" }],
  ])("%s", async (file, read) => {
    expect(await readDocument(join(folder, file))).toEqual(read)
  })
})

describe("splitDocument", () => {
  it.each([
    { name: "short", text: "# A\n\ntext\n", tokens: 10, parts: ["# A\n\ntext\n"] },
    {
      name: "at headings",
      text: "# A\n\ntext\n\n## B\n\ntext\n",
      tokens: 4,
      parts: ["# A\n\ntext\n\n", "## B\n\ntext\n"],
    },
    {
      name: "at paragraphs",
      text: "one two\n\nthree four\n\nfive",
      tokens: 5,
      parts: ["one two\n\n", "three four\n\nfive"],
    },
    { name: "at lines", text: "aaaaaa\nbbbbbb\n", tokens: 2, parts: ["aaaaaa\n", "bbbbbb\n"] },
    { name: "at sentences", text: "One two. Three four.", tokens: 3, parts: ["One two. ", "Three four."] },
    { name: "anywhere", text: "abcdefghij", tokens: 1, parts: ["abcd", "efgh", "ij"] },
    { name: "not through a character", text: "abc😀def", tokens: 1, parts: ["abc", "😀de", "f"] },
  ])("$name", ({ text, tokens, parts }) => {
    expect(splitDocument(text, tokens)).toEqual(parts)
  })

  it("loses nothing, keeps every part within the size and makes no empty part", () => {
    const piece = fc.constantFrom("# head ", "\n", "\n\n", "word ", "Sentence. ", "x".repeat(40), "😀", "```\n", "  \n")
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.integer({ min: 1, max: 30 }), (pieces, tokens) => {
        const text = pieces.join("")
        const parts = splitDocument(text, tokens)
        expect(parts.join("")).toBe(text)
        for (const part of parts) expect(part.length).toBeLessThanOrEqual(tokens * 4)
        if (text !== "") expect(parts).not.toContain("")
      }),
      { numRuns: 300 },
    )
  })
})

describe("the demo's command line", () => {
  it("reads inputs and options", () => {
    expect(
      parseOptions(["a.md", "docs", "--rpm", "60", "--tpm", "1000", "--json-lines", "--out", "x", "--limit", "3"]),
    ).toEqual({
      inputs: ["a.md", "docs"],
      rpm: 60,
      tpm: 1_000,
      limit: 3,
      jsonLines: true,
      out: "x",
    })
    expect(parseOptions([])).toEqual({ inputs: [], out: "summaries", jsonLines: false })
  })

  it.each([
    [["--rmp", "5"], /unknown option '--rmp'.*--rpm/],
    [["--rpm", "0"], /--rpm.*A whole number from 1 up is wanted, got 0/],
    [["--tpm", "many"], /--tpm.*got many/],
    [["--limit", "1.5"], /--limit.*got 1.5/],
    [["--base-url", "localhost:11434"], /--base-url.*http or https/],
    [["--rpm"], /--rpm.*argument missing/],
  ])("%s is one clear line", (args, message) => {
    let error: unknown
    try {
      parseOptions(args)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(UsageError)
    expect((error as Error).message).toMatch(message)
    expect((error as Error).message).not.toContain("\n")
  })
})

describe("renderReport", () => {
  it("has the figures, what is missing and why, and every summary", () => {
    expect(
      renderReport({
        model: "gpt-x",
        notice: "No LLM was used.",
        stopped: true,
        figures: [["calls", "3 | 4"]],
        results: [
          { file: "a.md", status: "ok", summary: "One.\n# Two" },
          { file: "b`.md", status: "skipped", reason: "empty" },
          { file: "c.md", status: "failed", reason: "the vendor\nsaid no" },
          { file: "d.md", status: "stopped" },
        ],
      }),
    ).toBe(
      [
        "# 1 of 4 documents, summarised with gpt-x",
        "**No LLM was used.**",
        "The run was stopped before it was complete.",
        "| | |\n|---|---|\n| calls | 3 \\| 4 |",
        "## Without a summary",
        "- `` b`.md ``: skipped, empty\n- `c.md`: failed, the vendor said no\n- `d.md`: stopped",
        "## Summaries",
        "### `a.md`",
        "> One.\n> # Two\n",
      ].join("\n\n"),
    )
  })

  it("is no HTML and leads nowhere but to the web, whatever a document made a model say", () => {
    const evil = [
      "a\r# b",
      "<script>alert(1)</script><javascript:alert(1)>",
      "[x](javascript:alert(1)) [y]( data:text/html,x) [z](&#106;avascript:alert(1)) [w](<javascript:alert(1)>)",
      "[r]: javascript:alert(1)",
      "[s]:\u2028javascript:alert(1)",
      "[good](https://example.com) [mail](mailto:a@example.com)",
    ].join("\n")
    const page = renderReport({
      model: evil,
      notice: evil,
      stopped: false,
      figures: [[evil, evil]],
      results: [
        { file: "a\n<b>.md", status: "ok", summary: evil },
        { file: "b.md", status: "failed", reason: evil },
      ],
    })
    expect(page).not.toMatch(/\r|\u2028/)
    // A path is code, in which nothing is HTML.
    expect(page.replaceAll(/`[^`\n]*`/g, "")).not.toContain("<")
    expect(page).not.toMatch(/\][(:]\s*(?!https:|mailto:)\S/)
    expect(page).toContain("[good](https://example.com)")
    const quoted = page.slice(page.indexOf("## Summaries")).split("\n").slice(4)
    expect(quoted.filter((line) => line !== "" && !line.startsWith(">"))).toEqual([])
  })
})
