import Anthropic from "@anthropic-ai/sdk"
import OpenAI from "openai"
import { expect, it, vi } from "vitest"
import { anthropicOptions, limitedFetch, type LimitedFetch, openaiOptions } from "../../src/index.ts"
import { scriptedServer } from "../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const messages = [{ role: "user" as const, content: "hi" }]
const openai = (url: string, limited: LimitedFetch): PromiseLike<unknown> =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", ...openaiOptions(limited) }).chat.completions.create({
    model: "m",
    messages,
  })
const anthropic = (url: string, limited: LimitedFetch): PromiseLike<unknown> =>
  new Anthropic({ baseURL: url, apiKey: "k", ...anthropicOptions(limited) }).messages.create({
    model: "m",
    max_tokens: 9,
    messages,
  })

it.each<[string, typeof openai, number, object]>([
  [
    "OpenRouter's key limit",
    openai,
    403,
    {
      error: {
        code: 403,
        message: "Key limit exceeded (total limit). Manage it using https://openrouter.ai/settings/keys",
      },
    },
  ],
  [
    "OpenAI's hard limit",
    openai,
    400,
    {
      error: {
        code: "billing_hard_limit_reached",
        type: "insufficient_quota",
        message: "Billing hard limit has been reached",
      },
    },
  ],
  [
    "a router that passes Anthropic's on",
    openai,
    400,
    {
      error: { type: "invalid_request_error", message: "Your credit balance is too low to access the Anthropic API." },
    },
  ],
  [
    "LiteLLM's budget",
    openai,
    400,
    { error: { type: "budget_exceeded", message: "Budget has been exceeded! Current cost: 1.0, Max budget: 1.0" } },
  ],
  ["as a detail", openai, 403, { detail: "Insufficient credits" }],
  [
    "Anthropic's balance",
    anthropic,
    400,
    {
      type: "error",
      error: { type: "invalid_request_error", message: "Your credit balance is too low to access the Anthropic API." },
    },
  ],
  [
    "Anthropic's own cap",
    anthropic,
    403,
    {
      type: "error",
      error: { type: "permission_error", message: "You have reached your specified API usage limits." },
    },
  ],
])("%s: of a queue one call is made, and all the others end with it", async (_name, send, status, body) => {
  const server = await scriptedServer((_n, response) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
  })
  const limited = limitedFetch({ concurrency: 1 })
  const errors = await Promise.all(
    Array.from({ length: 200 }, () =>
      send(server.url, limited).then(
        () => undefined,
        (error: unknown) => error as { status: number; headers: Headers },
      ),
    ),
  )
  expect(server.calls).toHaveLength(1)
  expect(errors.map((error) => error?.status)).toEqual(Array.from({ length: 200 }, () => status))
  // Those that were not sent say so: whoever keeps a journal leaves their items open.
  expect(errors.filter((error) => error?.headers.get("x-sluice-code") === "quota-exhausted")).toHaveLength(199)
  await limited.close()
})

it.each([
  ["a bad request", 400, { error: { code: "invalid_value", message: "Unknown parameter" } }],
  ["a forbidden model", 403, { error: { message: "You do not have access to this model" } }],
])("%s ends its own call alone", async (_name, status, body) => {
  const server = await scriptedServer((_n, response) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
  })
  const limited = limitedFetch({ concurrency: 1 })
  await Promise.allSettled([1, 2, 3].map(() => openai(server.url, limited)))
  expect(server.calls).toHaveLength(3)
  await limited.close()
})
