import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { isRewritable } from "../../src/call/elsewhere/is-rewritable.ts"
import { bench, completion, openaiError } from "../fake-vendor.ts"
import { outcomesOf, setUpLane } from "../lane-setup.ts"

const twice = '{"model":"big","messages":[{"role":"user","content":"a","content":"b"}]}'
const long = '{"model":"big","messages":[],"seed":12345678901234567890}'
const plain = '{"model":"big", "messages":[], "seed":7, "x":"a \\" : \\\\"}'

describe("a body that would lose something is never written anew", () => {
  it.each([
    [twice, false],
    ['{"a":{"b":1,"b":1}}', false],
    ['{"a":1,"\\u0061":2}', false],
    ['{"__proto__":1,"__proto__":2}', false],
    [long, false],
    ["[1e400]", false],
    ["[0.1234567890123456789]", false],
    [plain, true],
    ['{"a":[{"b":1},{"b":2}],"c":"\\\\\\":","d":1.50,"e":1e3,"f":-0.5}', true],
    ['{"__proto__":1,"":2}', true],
    ["7", true],
    ['"a:b"', true],
  ])("%s: %s", (text, rewritable) => {
    expect(isRewritable(text)).toBe(rewritable)
  })

  it("whatever JavaScript writes can be written anew", () => {
    fc.assert(fc.property(fc.json(), (text) => isRewritable(JSON.stringify(JSON.parse(text)))))
  })

  it.each([
    ["a name twice", twice, ["big", "big"], "not-rewritten"],
    ["a long number", long, ["big", "big"], "not-rewritten"],
    ["neither", plain, ["big", "big", "small"], undefined],
  ])("by a fallback: %s", async (_what, body, models, warning) => {
    const { fetch, clock, sent, events } = bench(
      (_n, call) => (call.body["model"] === "big" ? openaiError(503, "busy") : completion()),
      { retry: { maxAttempts: 2 }, fallback: [{ model: "small" }] },
    )
    const init = { method: "POST", headers: { "content-type": "application/json" }, body }
    await clock.run(fetch("https://api.openai.com/v1/chat/completions", init))
    expect(sent.map((call) => call.body["model"])).toEqual(models)
    for (const call of sent.slice(0, 2)) expect(call.init.body).toBe(body)
    expect(events.find(({ type }) => type === "warning")).toEqual(
      warning && expect.objectContaining({ type: "warning", code: warning }),
    )
  })

  it("by a batch: the call goes online, byte for byte", async () => {
    const setup = await setUpLane()
    const bodies = [twice.replace("big", "gpt-5-mini")]
    const ask = async (body: string): Promise<string> => {
      const headers = { "content-type": "application/json", authorization: "Bearer k" }
      const answer = await setup.limited(`${setup.vendor.url}/v1/chat/completions`, { method: "POST", headers, body })
      return answer.headers.get("x-sluice-lane") ?? "online"
    }
    expect(await outcomesOf(setup, ask, bodies, "batch")).toMatchObject([{ status: "ok", value: "online" }])
  })
})
