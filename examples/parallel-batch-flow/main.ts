import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { generateText } from "ai"
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { define, limitedFetch } from "sluice"
import { startVendor } from "@sluice/lab"

const vendor = await startVendor({ limits: { requests: 600, tokens: 100_000 }, answer: "extractive" })
const fetch = limitedFetch({ requestsPerMinute: 600, tokensPerMinute: 100_000 })
const model = createOpenAICompatible({ name: "lab", baseURL: `${vendor.url}/v1`, fetch })("lab-extractive")

interface Shared {
  readonly folder: string
  /** By file: every sub-flow writes under its own name. */
  readonly sections: Map<string, readonly string[]>
  readonly summaries: Map<string, string>
}
const { step, batch, flow, batchFlow } = define<Shared, { readonly file: string }>()

const load = step({
  name: "load",
  prep: (shared, { params }) => join(shared.folder, params.file),
  exec: (path) => readFile(path, "utf8"),
  post: (shared, _, text, { params }) => {
    const sections = text.split(/^(?=#)/m).filter((section) => section.trim() !== "")
    shared.sections.set(params.file, sections)
    return sections.length === 0 ? ("empty" as const) : ("default" as const)
  },
})

const summarise = batch({
  name: "summarise",
  prep: (shared, { params }) => shared.sections.get(params.file) ?? [],
  exec: async (section, { signal }) => {
    const instructions = "Summarise the text in one sentence."
    const answer = await generateText({
      model,
      instructions,
      prompt: section,
      maxOutputTokens: 40,
      maxRetries: 0,
      abortSignal: signal,
    })
    return answer.text
  },
  post: (shared, _, summaries, { params }) => {
    shared.summaries.set(params.file, summaries.join(" "))
  },
})

const apologise = step({
  name: "apologise",
  post: (shared, _prepared, _result, { params }) => {
    shared.summaries.set(params.file, "(nothing to summarise)")
  },
})

const perFile = flow({
  name: "per-file",
  nodes: { load, summarise, apologise },
  start: "load",
  edges: { load: { default: "summarise", empty: "apologise" } },
})

const digest = batchFlow({
  name: "digest",
  flow: perFile,
  prep: async (shared) => (await readdir(shared.folder)).toSorted().map((file) => ({ file })),
})

const shared: Shared = { folder: join(import.meta.dirname, "texts"), sections: new Map(), summaries: new Map() }
await digest.run(shared)
for (const file of [...shared.summaries.keys()].toSorted())
  process.stdout.write(`${file}: ${shared.summaries.get(file)}\n`)

const { answered, refused, maxInFlight } = vendor.stats()
process.stdout.write(`The vendor answered ${answered} calls, up to ${maxInFlight} at once, and refused ${refused}.\n`)
await fetch.close()
await vendor.stop()
