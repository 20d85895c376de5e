import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import OpenAI from "openai"
import { define, openaiOptions } from "sluice"
import { startVendor } from "@sluice/lab"

interface Verdict {
  readonly name: string
  readonly fits: boolean
  readonly reason: string
}
interface Shared {
  readonly folder: string
  cvs: string[]
  verdicts: Verdict[]
  report: string
}

// A simulated vendor, so that this runs without a key: its model says yes to Python.
const vendor = await startVendor({
  limits: { requests: 300 },
  answer: ({ messages }) => {
    const cv = messages.at(-1)?.text ?? ""
    const fits = cv.includes("Python")
    const reason = fits ? "knows Python" : "no Python"
    return JSON.stringify({ name: /^# (.+)$/m.exec(cv)?.[1] ?? "?", fits, reason })
  },
})
const limits = openaiOptions({ requestsPerMinute: 300 })
const openai = new OpenAI({ ...limits, baseURL: `${vendor.url}/v1`, apiKey: "no key needed here" })

const { step, batch, flow } = define<Shared>()

const read = step({
  name: "read",
  prep: (shared) => shared.folder,
  exec: async (folder) => {
    const files = (await readdir(folder)).toSorted()
    return Promise.all(files.map((file) => readFile(join(folder, file), "utf8")))
  },
  post: (shared, _folder, cvs) => {
    shared.cvs = cvs
  },
})

// Map: one call for each CV, all at once. `retry` is for an answer that is no JSON; what HTTP needs is retried below.
const judge = batch({
  name: "judge",
  retry: { maxAttempts: 3 },
  prep: (shared) => shared.cvs,
  exec: async (cv, { signal }) => {
    const content = "Does this person fit a job with Python? Answer as JSON: name, fits, reason."
    const answer = await openai.chat.completions.create(
      {
        model: "gpt-5-mini",
        max_completion_tokens: 100,
        response_format: { type: "json_object" },
        messages: [
          { role: "system", content },
          { role: "user", content: cv },
        ],
      },
      { signal },
    )
    return JSON.parse(answer.choices[0]?.message.content ?? "") as Verdict
  },
  post: (shared, _cvs, verdicts) => {
    shared.verdicts = verdicts
  },
})

// Reduce: one place that sees all answers, in the order of the files.
const report = step({
  name: "report",
  prep: (shared) => shared.verdicts,
  exec: (verdicts) => {
    const lines = verdicts.map(({ name, fits, reason }) => `${fits ? "yes" : "no "}  ${name}: ${reason}`)
    return [...lines, `${verdicts.filter(({ fits }) => fits).length} of ${verdicts.length} fit.`].join("\n")
  },
  post: (shared, _verdicts, text) => {
    shared.report = text
  },
})

const hiring = flow({
  name: "hiring",
  nodes: { read, judge, report },
  start: "read",
  edges: { read: { default: "judge" }, judge: { default: "report" } },
})

const shared: Shared = { folder: join(import.meta.dirname, "cvs"), cvs: [], verdicts: [], report: "" }
await hiring.run(shared)
process.stdout.write(`${shared.report}\n`)
await limits.fetch.close()
await vendor.stop()
