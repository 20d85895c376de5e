import { readdirSync, readFileSync } from "node:fs"
import path from "node:path"
import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import { bench, completion, eventStream, openaiError, type Script } from "../../fake-vendor.ts"

const key = "sk-secret-0123456789abcdef"
const prompt = "the patient's diagnosis"
const broken = Object.assign(new TypeError("fetch failed"), {
  cause: Object.assign(new Error("gone"), { code: "ECONNRESET" }),
})

describe("keys and prompts are told to nobody", () => {
  it.each<[string, Script, object]>([
    ["an answer", () => completion(), {}],
    ["a refused key", () => openaiError(401, "invalid_api_key", {}, `Incorrect API key provided: ${key}. ${key}`), {}],
    ["no credit", () => openaiError(429, "insufficient_quota", {}, `Bearer ${key} has no credit`), {}],
    ["too fast", (n) => (n < 2 ? openaiError(429, "rate_limit_exceeded", { "retry-after": "1" }) : completion()), {}],
    ["the vendor's fault", () => openaiError(500, "server_error"), {}],
    ["a broken connection", () => Promise.reject(broken), {}],
    ["a hang", () => new Promise<Response>(() => {}), { timeoutMs: 100 }],
    [
      "a stream that fails",
      () => eventStream(['data: {"error":{"message":"Overloaded","code":"overloaded"}}\n\n']),
      {},
    ],
    ["a call that never fits", () => completion(), { inputTokensPerMinute: 1 }],
    ["a budget that is spent", () => completion(), { budgetUsd: 1e-9 }],
    ["several keys", () => openaiError(429, "insufficient_quota"), { keys: [`${key}-1`, `${key}-2`] }],
    [
      "another model",
      () => openaiError(503, "server_is_overloaded"),
      { fallback: [{ model: "other", key: `${key}-3` }] },
    ],
  ])("%s", async (_name, script, options) => {
    const { chat, clock, events, fetch } = bench(script, { retry: { maxAttempts: 2 }, ...options })
    const body = { messages: [{ role: "user", content: prompt }] }
    const ended = await clock.run(
      chat({ key, body })
        .then((response) => response.status)
        .catch((error: unknown) => error),
    )
    expect(events.length + (typeof ended === "object" ? 1 : 0)).toBeGreaterThan(0)
    const told = inspect([ended, events, fetch.snapshot()], { depth: 20, showHidden: true })
    for (const secret of [key, prompt, "authorization", "Bearer"]) expect(told).not.toContain(secret)
  })
})

it("its own code asks for nothing that only Node has", () => {
  const folder = path.join(import.meta.dirname, "../../../src")
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"))
  expect(files.length).toBeGreaterThan(40)
  for (const file of files) {
    const text = readFileSync(path.join(folder, file), "utf8")
    expect(text, file).not.toMatch(/from "node:|import\("node:|\bBuffer\b|\bprocess\.\w|\brequire\(/)
  }
})
