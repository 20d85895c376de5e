import { createOpenAI } from "@ai-sdk/openai"
import { generateText } from "ai"
import { define, openJournal } from "sluice"
import { aiSdkOptions, limitedFetch } from "sluice/providers"

// A process that is killed: `node run-lane.ts <vendor url> <journal file>`.
const [url, path] = process.argv.slice(2) as [string, string]
;(globalThis as { AI_SDK_LOG_WARNINGS?: boolean }).AI_SDK_LOG_WARNINGS = false

const fetch = limitedFetch({
  vendorBatches: { gatherMs: 200, pollMs: 50 },
  onEvent: (event) => {
    if (event.type === "vendor-batch") process.stdout.write(`${event.state}\n`)
  },
})
const limited = aiSdkOptions(fetch)
const openai = createOpenAI({ baseURL: `${url}/v1`, apiKey: "any", ...limited.provider })
const { batch } = define()
const echo = batch({
  name: "echo",
  lane: "batch",
  prep: () => Array.from({ length: 20 }, (_, index) => `Text ${index}`),
  exec: async (prompt) => (await generateText({ model: openai.chat("gpt-5-mini"), prompt, ...limited.call })).text,
  post: (_shared, _prepared, texts) => void process.stdout.write(`${texts.join(",")}\n`),
})
const journal = openJournal({ path })
await echo.run({}, { journal })
await journal.close()
