import OpenAI from "openai"
import { limitedFetch } from "sluice"
import { startVendor } from "@sluice/lab"

// A simulated vendor, so that this runs without a key: 600 requests a minute, of which 20 may come at once.
const limits = { requests: { limit: 600, burst: 20 } }
const vendor = await startVendor({ limits, headers: "none", answer: { text: "Yes." } })

const fetch = limitedFetch({ requestsPerMinute: { limit: 600, kind: "bucket", burst: 5 } })
const openai = new OpenAI({ fetch, maxRetries: 0, baseURL: `${vendor.url}/v1`, apiKey: "no key needed here" })

// From here on nobody thinks of limits: 40 calls at once.
const messages = [{ role: "user" as const, content: "Is it raining?" }]
const answers = await Promise.all(
  Array.from({ length: 40 }, () => openai.chat.completions.create({ model: "lab", messages, max_tokens: 5 })),
)

const { answered, refused } = vendor.stats()
process.stdout.write(`${answers.length} answers, the first: ${answers[0]?.choices[0]?.message.content}\n`)
process.stdout.write(`The vendor answered ${answered} calls and refused ${refused}.\n`)
await fetch.close()
await vendor.stop()
