import { readFile } from "node:fs/promises"
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

const split = batch({
  name: "split",
  prep: (shared) => shared.files,
  exec: async (file) => {
    const text = await readFile(new URL(`../../${file}`, import.meta.url), "utf8")
    const pieces = text.split(/\n{2,}|(?<=\.)\s/).filter((each) => each.trim() !== "")
    return pieces.map((each): Piece => ({ file, text: each }))
  },
  post: (shared, _files, pieces) => {
    shared.pieces = pieces.flat()
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

const files = (
  await glob("docs/decisions/2026-11-24-*.md", { cwd: new URL("../..", import.meta.url).pathname })
).toSorted()
const shared: Shared = { files, pieces: [], vectors: [] }
await indexing.run(shared)

async function search(question: string): Promise<Piece | undefined> {
  const wanted = await embed(question)
  const likeness = shared.vectors.map((vector) => vector.reduce((sum, value, at) => sum + value * (wanted[at] ?? 0), 0))
  return shared.pieces[likeness.indexOf(Math.max(...likeness))]
}

const best = await search("how are tokens counted without a tokeniser")
process.stdout.write(`Found in ${best?.file}.\n`)
const { answered } = vendor.stats()
process.stdout.write(`${shared.pieces.length} pieces in ${answered < 10 ? "fewer than ten" : answered} requests.\n`)
await limits.fetch.close()
await vendor.stop()
