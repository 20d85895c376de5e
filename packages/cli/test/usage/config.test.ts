import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { startVendor } from "@sluice/lab"
import { expect, onTestFinished, test } from "vitest"
import { limitsOf } from "../../src/run/options/run-limits.ts"
import { ended, linesOf, sluice, startSluice, temporaryFolder } from "../command/sluice.ts"

test("each limit of the command line is the quota's, and together they take the place of the configuration's", () => {
  const config = { limits: { "gpt-5*": { requestsPerMinute: 7 } } }
  const given = { attempts: 3, rpm: 1, tpm: 2, itpm: 3, otpm: 4, rpd: 5, concurrency: 6, budgetUsd: 8 }
  expect(limitsOf(given, config)).toEqual({
    requestsPerMinute: 1,
    tokensPerMinute: 2,
    inputTokensPerMinute: 3,
    outputTokensPerMinute: 4,
    requestsPerDay: 5,
    concurrency: 6,
    budgetUsd: 8,
  })
  expect(limitsOf({ attempts: 3 }, config)).toEqual(config)
  expect(limitsOf({ attempts: 3 }, {})).toEqual({})
})

test("sluice.config.ts in the working folder: the model, a name of one's own, limits and prices", async () => {
  const vendor = await startVendor({ latency: { baseMs: 0, perOutputTokenMs: 0 }, answer: "echo" })
  onTestFinished(() => vendor.stop())
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.jsonl"), '{"text":"a"}\n{"text":"b"}\n')
  writeFileSync(
    join(folder, "sluice.config.ts"),
    `const name: string = "fast"
    export default {
      model: name,
      models: { fast: "openai-compatible:x" },
      limits: { "x*": { requestsPerMinute: 600 } },
      prices: { x: { input: 1_000_000, output: 0 } },
    }`,
  )
  const at = ["--base-url", `${vendor.url}/v1`, "-o", "out.jsonl", "--fields", "usd,inputTokens"]
  const { code, stderr } = await ended(startSluice(["run", "in.jsonl", "-p", "{{text}}", ...at, "--json"], folder))
  expect(code).toBe(0)
  // A dollar a token.
  for (const { usd, inputTokens } of linesOf(join(folder, "out.jsonl"))) expect(usd).toBe(inputTokens)
  expect(stderr).toContain('"model":"x"')
  expect(stderr).toMatch(/"type":"permit-admit",.*\/x\*"/)
}, 30_000)

test("the command line goes before the configuration's model, and --config names another file", async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.jsonl"), '{"text":"a"}\n')
  writeFileSync(join(folder, "c.json"), '{"model":"openai:x"}')
  const args = ["run", join(folder, "in.jsonl"), "-p", "a", "-q", "--config", join(folder, "c.json")]
  expect((await sluice(args)).stderr).toContain("--model openai:x needs the environment variable OPENAI_API_KEY")
  expect((await sluice([...args, "-m", "noop:"])).code).toBe(0)
})
