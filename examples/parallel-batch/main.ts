import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { generateText } from "ai"
import { define, limitedFetch } from "sluice"
import { startVendor } from "@sluice/lab"

// A simulated vendor, so that this runs without a key. With one: `const model = openai("gpt-4.1-mini")`, `fetch` as here.
const vendor = await startVendor({ limits: { requests: 600, tokens: 100_000 }, answer: "extractive" })
const fetch = limitedFetch({ requestsPerMinute: 600, tokensPerMinute: 100_000 })
const model = createOpenAICompatible({ name: "lab", baseURL: `${vendor.url}/v1`, fetch })("lab-extractive")

interface Shared {
  readonly texts: readonly string[]
  summary: string
}
const { batch } = define<Shared>()

const summarise = batch({
  name: "summarise",
  prep: (shared) => shared.texts,
  exec: async (text, { signal }) => {
    const instructions = "Summarise the text in one sentence."
    const answer = await generateText({
      model,
      instructions,
      prompt: text,
      maxOutputTokens: 40,
      maxRetries: 0,
      abortSignal: signal,
    })
    return answer.text
  },
  post: (shared, texts, summaries) => {
    shared.summary = summaries.map((summary, index) => `${index + 1}. ${summary}`).join("\n")
  },
})

const shared: Shared = {
  texts: [
    "Rivers carry water from the hills to the sea. On the way, rivers move stones and sand. Where rivers slow down, the sand stays.",
    "A queue holds work until somebody has time for it. A queue that only grows is a queue that nobody reads. Good queues are short.",
    "Bread needs flour, water, salt and time. The dough needs time to rise. Without time, bread is a brick of flour.",
    "Tides follow the moon. When moon and sun pull together, tides are high. Sailors read tides from tables.",
  ],
  summary: "",
}
await summarise.run(shared)
process.stdout.write(`${shared.summary}\n`)

const { answered, refused, maxInFlight } = vendor.stats()
process.stdout.write(`The vendor answered ${answered} calls, up to ${maxInFlight} at once, and refused ${refused}.\n`)
await fetch.close()
await vendor.stop()
