import { createOpenAI } from "@ai-sdk/openai"
import { generateText } from "ai"
import { define, openJournal } from "sluice"
import { aiSdkOptions, limitedFetch } from "sluice/providers"

// A process that is killed: `node nested-flow.ts <vendor url> <journal file> <paragraphs a chapter>`. Three books at once,
// of each two chapters at once, of each four paragraphs at once. Events on standard error, the library on standard output.
const [url, path, paragraphs] = process.argv.slice(2) as [string, string, string]
;(globalThis as { AI_SDK_LOG_WARNINGS?: boolean }).AI_SDK_LOG_WARNINGS = false

const fetch = limitedFetch({ concurrency: 16 })
const limited = aiSdkOptions(fetch)
const model = createOpenAI({ baseURL: `${url}/v1`, apiKey: "any", ...limited.provider }).chat("gpt-5-mini")

interface Library {
  books: string[]
  readonly summaries: Record<string, readonly string[]>
}
const { step, batch, flow, batchFlow } = define<Library>()

const list = step({
  name: "list",
  exec: () => ["a", "b", "c"],
  post: (library, _prepared, books) => void (library.books = books),
})
const summarise = batch({
  name: "summarise",
  concurrency: 4,
  prep: (_library, { params: { book, chapter } }) =>
    Array.from({ length: Number(paragraphs) }, (_, at) => `${String(book)}${String(chapter)}-${at}`),
  key: (prompt) => prompt,
  exec: async (prompt) => (await generateText({ model, prompt, ...limited.call })).text,
  post: (library, _prompts, texts, { params: { book, chapter } }) =>
    void (library.summaries[`${String(book)}${String(chapter)}`] = texts),
})
const chapters = batchFlow({
  name: "chapters",
  concurrency: 2,
  flow: flow({ name: "chapter", nodes: { summarise }, start: "summarise" }),
  prep: (_library, { params: { book } }) => Array.from({ length: 4 }, (_, chapter) => ({ book, chapter })),
})
const books = batchFlow({
  name: "books",
  concurrency: 3,
  flow: flow({ name: "book", nodes: { chapters }, start: "chapters" }),
  prep: (library) => library.books.map((book) => ({ book })),
})
const app = flow({ name: "library", nodes: { list, books }, start: "list", edges: { list: { default: "books" } } })

const library: Library = { books: [], summaries: {} }
const journal = openJournal({ path })
await app.run(library, {
  journal,
  runId: "library",
  onEvent: (event) => void process.stderr.write(`${JSON.stringify(event)}\n`),
})
await journal.close()
await fetch.close()
process.stdout.write(JSON.stringify(library.summaries))
