// An app like many: an SDK, zod by its namespace, structured answers, a flow, a journal, and an import made late.
import { createOpenAI } from "@ai-sdk/openai"
import OpenAI from "openai"
import { aiSdkOptions, ask, define, limitedFetch, mapAll, openaiOptions, openJournal } from "sluice"
import * as z from "zod"

async function main() {
  const fetch = limitedFetch({ requestsPerMinute: 600 })
  const openai = new OpenAI(openaiOptions(fetch))
  const texts = ["one", "two", "three"]
  const answers = await mapAll(texts, (content) =>
    openai.chat.completions.create({ model: "lab", messages: [{ role: "user", content }] }),
  )

  const model = createOpenAI(aiSdkOptions(fetch).provider)("lab")
  const { value } = await ask(model, { schema: z.object({ city: z.string() }), prompt: "Where is the Spree?" })

  const { batch } = define()
  const measure = batch({
    name: "measure",
    prep: () => texts,
    exec: async (text) => text.length,
    post: (shared, _texts, lengths) => {
      shared.lengths = lengths
    },
  })
  const shared = {}
  const journal = openJournal({ path: ":memory:" })
  await measure.run(shared, { journal, runId: "bundled" })
  await journal.close()

  console.log(answers.length, typeof value.city, shared.lengths.join())
}

void main()
