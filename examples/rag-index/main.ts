import { readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import OpenAI from "openai"
import { coalesceEmbeddings, define, openaiOptions } from "sluice"
import { startVendor } from "@sluice/lab"
import { glob } from "tinyglobby"

interface Piece {
  readonly file: string
  readonly text: string
}
interface Shared {
  readonly files: readonly string[]
  pieces: Piece[]
  vectors: number[][]
}

// A simulated vendor, so that this runs without a key: its vectors count words, which is enough to find a page again.
const vendor = await startVendor({ limits: { requests: 600, tokens: 1_000_000 } })
const limits = openaiOptions({ requestsPerMinute: 600, tokensPerMinute: 1_000_000 })
const openai = new OpenAI({ ...limits, baseURL: `${vendor.url}/v1`, apiKey: "no key needed here" })

// One text at a time for whoever asks; up to 100 of them in one request to the vendor.
const embed = coalesceEmbeddings((input, { signal }) =>
  openai.embeddings.create({ model: "text-embedding-3-small", input, encoding_format: "float" }, { signal }),
)

const { batch, flow } = define<Shared>()

// The doc comments of the SDK's own types, each with the line that it explains.
const split = batch({
  name: "split",
  prep: (shared) => shared.files,
  exec: async (file) => {
    const text = await readFile(new URL(file, docs), "utf8")
    const comments = text.matchAll(/\/\*\*(.*?)\*\/\s*([^\n]*)/gs)
    return [...comments].map(([, words = "", line = ""]): Piece => {
      return { file, text: `${words.replaceAll(/\s*\n\s*\* ?/g, " ").trim()} ${line}` }
    })
  },
  post: (shared, _files, pieces) => {
    shared.pieces = pieces.flat().slice(0, 5_000)
  },
})
const index = batch({
  name: "index",
  // Items of one request run together, so more of them than the usual look-ahead.
  concurrency: 500,
  prep: (shared) => shared.pieces,
  exec: ({ text }, { signal }) => embed(text, { signal }),
  post: (shared, _pieces, vectors) => {
    shared.vectors = vectors
  },
})
const indexing = flow({
  name: "indexing",
  nodes: { split, index },
  start: "split",
  edges: { split: { default: "index" } },
})

const docs = new URL("resources/", import.meta.resolve("openai"))
const files = (await glob("**/*.d.ts", { cwd: fileURLToPath(docs) })).toSorted()
const shared: Shared = { files, pieces: [], vectors: [] }
await indexing.run(shared)

async function search(question: string): Promise<Piece | undefined> {
  const wanted = await embed(question)
  const likeness = shared.vectors.map((vector) => {
    const product = vector.reduce((sum, value, at) => sum + value * (wanted[at] ?? 0), 0)
    return product / Math.hypot(...vector)
  })
  return shared.pieces[likeness.indexOf(Math.max(...likeness))]
}

const best = await search("number of seconds until an API key expires")
process.stdout.write(`${shared.pieces.length} pieces in ${vendor.stats().answered} requests.\n`)
process.stdout.write(`Found in ${best?.file}: ${best?.text}\n`)
await limits.fetch.close()
await vendor.stop()
