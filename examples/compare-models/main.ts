import OpenAI from "openai"
import { define, openaiOptions, usageTally } from "sluice"
import { startVendor } from "@sluice/lab"

interface Row {
  readonly review: string
  readonly mood: "good" | "bad"
}
interface Shared {
  readonly rows: readonly Row[]
  /** By model: every sub-flow writes under its own name. */
  readonly right: Map<string, number>
}
const rows: readonly Row[] = [
  { review: "I would buy it again.", mood: "good" },
  { review: "Broke on the first day.", mood: "bad" },
  { review: "Not bad at all!", mood: "good" },
  { review: "A waste of money.", mood: "bad" },
  { review: "My children love it.", mood: "good" },
  { review: "Bad smell, bad colour.", mood: "bad" },
]

// A simulated vendor, so that this runs without a key. Its small model looks for the word "bad", its large one reads.
const vendor = await startVendor({
  limits: { requests: 600 },
  answer: ({ model, messages }) => {
    const review = messages.at(-1)?.text ?? ""
    if (model === "small") return /bad|broke|waste/i.test(review) ? "bad" : "good"
    return rows.find((row) => row.review === review)?.mood ?? "good"
  },
})

// One quota for each model, as the vendor counts them. The tally adds up what each of them used.
const tally = usageTally()
const limits = openaiOptions({
  limits: { small: { requestsPerMinute: 600 }, large: { requestsPerMinute: 300 } },
  onEvent: tally.onEvent,
})
const openai = new OpenAI({ ...limits, baseURL: `${vendor.url}/v1`, apiKey: "no key needed here" })

const { batch, batchFlow, flow } = define<Shared, { readonly model: string }>()
const classify = batch({
  name: "classify",
  prep: (shared) => shared.rows,
  exec: async ({ review, mood }, { params, signal }) => {
    const answer = await openai.chat.completions.create(
      {
        model: params.model,
        max_completion_tokens: 3,
        messages: [
          { role: "system", content: "Is this review good or bad?" },
          { role: "user", content: review },
        ],
      },
      { signal },
    )
    return answer.choices[0]?.message.content === mood
  },
  post: (shared, _rows, hits, { params }) => {
    shared.right.set(params.model, hits.filter(Boolean).length)
  },
})
const perModel = flow({ name: "per-model", nodes: { classify }, start: "classify", edges: {} })
const compare = batchFlow({
  name: "compare",
  flow: perModel,
  prep: () => [{ model: "small" }, { model: "large" }],
})

const shared: Shared = { rows, right: new Map() }
await compare.run(shared)

const used = tally.report().byModel
process.stdout.write("model  right  calls  tokens in\n")
for (const [model, right] of [...shared.right].toSorted(([a], [b]) => a.localeCompare(b))) {
  const { requests = 0, inputTokens = 0 } = used[model] ?? {}
  process.stdout.write(`${model.padEnd(6)} ${right}/${rows.length}    ${requests}      ${inputTokens}\n`)
}
await limits.fetch.close()
await vendor.stop()
