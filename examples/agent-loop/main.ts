import OpenAI from "openai"
import { define, openaiOptions } from "sluice"
import { startVendor } from "@sluice/lab"

// A simulated vendor, so that this runs without a key. Its model asks for the weather, then answers with what it was told.
const vendor = await startVendor({
  limits: { requests: 600 },
  answer: ({ messages }) => {
    const told = messages.find(({ role }) => role === "tool")
    if (told) return `Take ${told.text === "rain" ? "an umbrella" : "sunglasses"}.`
    const city = /to (\w+)/.exec(messages.at(-1)?.text ?? "")?.[1] ?? ""
    return { tool: "weather", arguments: { city } }
  },
})
const limits = openaiOptions({ requestsPerMinute: 600 })
const openai = new OpenAI({ ...limits, baseURL: `${vendor.url}/v1`, apiKey: "no key needed here" })

const weather: Readonly<Record<string, string>> = { Bergen: "rain", Cairo: "sun", Oslo: "rain" }
const tools: OpenAI.ChatCompletionTool[] = [
  {
    type: "function",
    function: {
      name: "weather",
      description: "The weather of a city",
      parameters: {
        type: "object",
        properties: { city: { type: "string" } },
        required: ["city"],
        additionalProperties: false,
      },
    },
  },
]

type Params = { readonly city: string }
interface Shared {
  readonly cities: readonly string[]
  /** By city: agents run at once, and each writes under its own name. */
  readonly talks: Map<string, OpenAI.ChatCompletionMessageParam[]>
  readonly advice: Map<string, string>
}
const { step, flow, batchFlow } = define<Shared, Params>()

const think = step({
  name: "think",
  prep: (shared, { params }) =>
    shared.talks.get(params.city) ?? [{ role: "user" as const, content: `I travel to ${params.city}.` }],
  exec: async (messages, { signal }) => {
    const answer = await openai.chat.completions.create({ model: "gpt-5-mini", messages, tools }, { signal })
    return answer.choices[0]!.message
  },
  post: (shared, messages, message, { params }) => {
    shared.talks.set(params.city, [...messages, message])
    if (message.tool_calls) return "tool" as const
    shared.advice.set(params.city, message.content ?? "")
    return "default" as const
  },
})
const look = step({
  name: "look",
  post: (shared, _prepared, _result, { params }) => {
    const talk = shared.talks.get(params.city)!
    const last = talk.at(-1)!
    const calls = "tool_calls" in last ? (last.tool_calls ?? []) : []
    for (const call of calls) {
      const { city } = JSON.parse(call.type === "function" ? call.function.arguments : "{}") as { city: string }
      talk.push({ role: "tool", tool_call_id: call.id, content: weather[city] ?? "unknown" })
    }
  },
})
const agent = flow({
  name: "agent",
  nodes: { think, look },
  start: "think",
  edges: { think: { tool: "look" }, look: { default: "think" } },
})
const agents = batchFlow({ name: "agents", flow: agent, prep: (shared) => shared.cities.map((city) => ({ city })) })

const shared: Shared = { cities: Object.keys(weather), talks: new Map(), advice: new Map() }
await agents.run(shared)
for (const city of shared.cities) process.stdout.write(`${city}: ${shared.advice.get(city)}\n`)
process.stdout.write(`${vendor.stats().answered} calls under one quota, ${vendor.stats().refused} refused.\n`)
await limits.fetch.close()
await vendor.stop()
