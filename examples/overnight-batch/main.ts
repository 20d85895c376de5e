import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import OpenAI from "openai"
import { define, openaiOptions, openJournal } from "sluice"
import { startVendor } from "@sluice/lab"

// A simulated vendor with a batch API, so that this runs without a key. A real one takes minutes to hours; leave `pollMs` out for it.
const vendor = await startVendor({
  answer: "extractive",
  batch: { validatingMs: 50, processingMs: 300, finalizingMs: 50 },
})
const limits = openaiOptions({ vendorBatches: { pollMs: 50, gatherMs: 50 } })
const openai = new OpenAI({ ...limits, baseURL: `${vendor.url}/v1`, apiKey: "no key needed here" })

const folder = await mkdtemp(join(tmpdir(), "overnight-"))
const journal = openJournal({ path: join(folder, "night.sqlite") })

interface Shared {
  summaries: readonly string[]
}
const texts = Array.from(
  { length: 40 },
  (_, index) => `Page ${index}. It is about rivers. Rivers carry stones and sand to the sea.`,
)
let calls = 0

const { batch } = define<Shared>()
const summarise = batch({
  name: "summarise",
  lane: "batch", // the same calls, gathered into the vendor's batch API
  key: (text) => text,
  prep: () => texts,
  exec: async (text, { signal }) => {
    calls++
    const messages = [{ role: "user" as const, content: `Summarise in one sentence:\n\n${text}` }]
    const answer = await openai.chat.completions.create(
      { model: "gpt-5-mini", max_completion_tokens: 40, messages },
      { signal },
    )
    return answer.choices[0]?.message.content ?? ""
  },
  post: (shared, _texts, summaries) => {
    shared.summaries = summaries
  },
})

const shared: Shared = { summaries: [] }
await summarise.run(shared, { journal, runId: "night" })
process.stdout.write(`${shared.summaries.length} summaries from ${calls} calls.\n`)

// The same run again, as after a crash: what is settled is not asked again.
calls = 0
await summarise.run(shared, { journal, runId: "night" })
process.stdout.write(`Again: ${shared.summaries.length} summaries from ${calls} calls.\n`)

await limits.fetch.close()
await journal.close()
await vendor.stop()
await rm(folder, { recursive: true })
