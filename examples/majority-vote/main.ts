import OpenAI from "openai"
import { openaiOptions, parallelMap } from "sluice"
import { startVendor } from "@sluice/lab"

// A simulated vendor, so that this runs without a key: its model is right two times of three.
let asked = 0
const vendor = await startVendor({
  limits: { requests: 600 },
  answer: () => {
    asked++
    return asked % 3 === 0 ? "I think it is heads.\nAnswer: 1/2" : "Count the cases.\nAnswer: 1/3"
  },
})
const limits = openaiOptions({ requestsPerMinute: 600 })
const openai = new OpenAI({ ...limits, baseURL: `${vendor.url}/v1`, apiKey: "no key needed here" })

const question =
  "A family has two children. At least one is a girl. How likely is it that both are? End with `Answer: …`."
const votes = new Map<string, number>()
let failed = 0

// Outcomes as they come; a failed one is counted, and stops nobody.
const tries = Array.from({ length: 30 }, (_, index) => index)
const outcomes = parallelMap(
  tries,
  async (_try, { signal }) => {
    const answer = await openai.chat.completions.create(
      { model: "gpt-5-mini", max_completion_tokens: 400, messages: [{ role: "user", content: question }] },
      { signal },
    )
    const said = /Answer: (.+)/.exec(answer.choices[0]?.message.content ?? "")?.[1]
    if (said === undefined) throw new Error("No answer line.")
    return said
  },
  { onError: "collect", order: "completion" },
)
for await (const outcome of outcomes) {
  if (outcome.status === "failed") failed++
  else votes.set(outcome.value, (votes.get(outcome.value) ?? 0) + 1)
}

const [winner] = [...votes].toSorted(([, a], [, b]) => b - a)
for (const [answer, count] of votes) process.stdout.write(`${answer}: ${count} votes\n`)
process.stdout.write(`Most say ${winner?.[0]}. ${failed} of ${tries.length} calls failed.\n`)
await limits.fetch.close()
await vendor.stop()
