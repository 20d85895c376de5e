import { readFile } from "node:fs/promises"
import OpenAI from "openai"
import { mapAll, openaiOptions } from "sluice"
import { startVendor } from "@sluice/lab"

// A simulated vendor, so that this runs without a key: it gives the text back, marked with the language.
const vendor = await startVendor({
  limits: { requests: 300, tokens: 60_000 },
  answer: ({ messages }) => {
    const language = /Translate into (\w+)/.exec(messages[0]?.text ?? "")?.[1] ?? ""
    return `[${language}] ${messages.at(-1)?.text ?? ""}`
  },
})

// With a key: `new OpenAI(openaiOptions())`. Ten languages of a long page are many tokens, so those are told, too.
const limits = openaiOptions({ requestsPerMinute: 300, tokensPerMinute: 60_000 })
const openai = new OpenAI({ ...limits, baseURL: `${vendor.url}/v1`, apiKey: "no key needed here" })

const languages = "Chinese Spanish Japanese German Russian Portuguese French Korean Hindi Arabic".split(" ")
const page = await readFile(new URL("../../packages/sluice/README.md", import.meta.url), "utf8")

const translations = await mapAll(languages, async (language, { signal }) => {
  const answer = await openai.chat.completions.create(
    {
      model: "gpt-5-mini",
      max_completion_tokens: 2_000,
      messages: [
        { role: "system", content: `Translate into ${language}. Leave code, links and Markdown as they are.` },
        { role: "user", content: page },
      ],
    },
    { signal },
  )
  return answer.choices[0]?.message.content ?? ""
})

for (const [index, language] of languages.entries()) {
  process.stdout.write(`${language.padEnd(10)} ${translations[index]?.split("\n")[0]}\n`)
}
const { answered, refused } = vendor.stats()
process.stdout.write(`The vendor answered ${answered} calls and refused ${refused}.\n`)
await limits.fetch.close()
await vendor.stop()
