import { readFile } from "node:fs/promises"
import OpenAI from "openai"
import { define, openaiOptions } from "sluice"
import { startVendor } from "@sluice/lab"
import { glob } from "tinyglobby"

// A simulated vendor, so that this runs without a key: it answers with a sentence of the page.
const vendor = await startVendor({ limits: { requests: 600, tokens: 200_000 }, answer: "extractive" })
const limits = openaiOptions({ requestsPerMinute: 600, tokensPerMinute: 200_000 })
const openai = new OpenAI({ ...limits, baseURL: `${vendor.url}/v1`, apiKey: "no key needed here" })

interface Page {
  readonly file: string
  readonly text: string
}
const table = new Map<string, string>() // stands for a database
const log: string[] = []

const { batch, pipeline } = define()

const root = new URL("../parallel-batch-flow/texts/", import.meta.url)
const read = batch({
  name: "read",
  concurrency: 4, // open files
  prep: async () => (await glob("*.md", { cwd: root.pathname })).toSorted(),
  exec: async (file): Promise<Page> => {
    log.push("read")
    return { file, text: await readFile(new URL(file, root), "utf8") }
  },
})
const summarise = batch({
  name: "summarise", // as many as the quota admits
  exec: async ({ file, text }: Page, { signal }): Promise<Page> => {
    const messages = [{ role: "user" as const, content: `Summarise in one sentence:\n\n${text}` }]
    const answer = await openai.chat.completions.create(
      { model: "gpt-5-mini", max_completion_tokens: 60, messages },
      { signal },
    )
    return { file, text: answer.choices[0]?.message.content ?? "" }
  },
})
const store = batch({
  name: "store",
  concurrency: 1, // one writer
  exec: async ({ file, text }: Page) => {
    log.push("store")
    table.set(file, text)
    return file
  },
})

await pipeline([read, summarise, store]).run({})

for (const [file, summary] of [...table].toSorted(([a], [b]) => a.localeCompare(b)))
  process.stdout.write(`${file}: ${summary || "(nothing)"}\n`)
process.stdout.write(
  `${log.filter((each) => each === "store").length} of ${log.filter((each) => each === "read").length} pages are stored.\n`,
)
await limits.fetch.close()
await vendor.stop()
