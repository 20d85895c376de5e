import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { stringify } from "csv-stringify/sync"
import { aiSdkOptions, ask, limitedFetch, mapAll } from "sluice"
import { startVendor } from "@sluice/lab"
import { z } from "zod"

const letters = [
  "Dear sirs, the kettle that I bought in May leaks. Please send 2 new ones. Rosa Blum, Bremen",
  "Hello! Three cups arrived broken. I would like my money back. T. Adeyemi, Lagos",
  "Just to say thank you, the teapot is lovely. Greetings from Oslo, Ingrid",
]
const letter = z.object({
  city: z.string(),
  wish: z.enum(["replacement", "refund", "none"]),
  pieces: z.int().min(0),
})

// A simulated vendor, so that this runs without a key. Its model gets the second letter wrong at first: "3 cups" is no number.
const answers: Readonly<Record<string, readonly string[]>> = {
  kettle: ['{"city":"Bremen","wish":"replacement","pieces":2}'],
  cups: ['{"city":"Lagos","wish":"refund","pieces":"3 cups"}', '{"city":"Lagos","wish":"refund","pieces":3}'],
  teapot: ['{"city":"Oslo","wish":"none","pieces":0}'],
}
const vendor = await startVendor({
  limits: { requests: 300 },
  answer: ({ messages }) => {
    const kind = Object.keys(answers).find((word) => messages.some(({ text }) => text.includes(word))) ?? "teapot"
    const earlier = messages.filter(({ role }) => role === "assistant").length
    return answers[kind]?.[earlier] ?? ""
  },
})
const fetch = limitedFetch({ requestsPerMinute: 300 })
const { provider } = aiSdkOptions(fetch)
const model = createOpenAICompatible({
  name: "lab",
  baseURL: `${vendor.url}/v1`,
  supportsStructuredOutputs: true,
  ...provider,
})

// `ask` validates, and asks again with what was wrong. An answer that never fits is an error with the last text in it.
const rows = await mapAll(letters, async (text, { signal }) => {
  const { value, asks } = await ask(model("gpt-5-mini"), {
    schema: letter,
    prompt: `What does this letter say?\n\n${text}`,
    signal,
  })
  return { ...value, asks }
})

process.stdout.write(stringify(rows, { header: true }))
await fetch.close()
await vendor.stop()
