import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { plan, startVendor } from "@sluice/lab"
import { anthropic, gemini, openai, openaiCompatible, type Vendor } from "@sluice/providers"
import { describe, expect, onTestFinished, test } from "vitest"
import { plannedVendor } from "../../src/plan/planned-vendor.ts"
import { fastClock } from "../command/fast-clock.ts"
import { sluice, temporaryFolder } from "../command/sluice.ts"

function inputOf(lines: readonly string[]): string {
  const input = join(temporaryFolder(), "in.jsonl")
  writeFileSync(input, lines.map((line) => `${line}\n`).join(""))
  return input
}

const short = '{"text":"12345678"}'
const question = ["-p", "{{text}}", "-m", "openai:gpt-5-mini"]

interface Printed {
  readonly online: { readonly timeMs: number; readonly boundBy: string; readonly simulatedCalls: number }
  readonly tokens: object
  readonly usd: { readonly online: number; readonly batch: number }
  readonly savings: readonly { readonly change: string; readonly savesMs: number; readonly savesUsd?: number }[]
  readonly [more: string]: unknown
}

async function planned(args: readonly string[]): Promise<Printed> {
  const { code, stdout, stderr } = await sluice(["plan", ...args, "--json"])
  expect([code, stderr]).toEqual([0, ""])
  return JSON.parse(stdout) as Printed
}

describe("sluice plan", () => {
  test("a question that names no field of the inputs is said: in the plan, and when it runs", async () => {
    const input = inputOf([short, short])
    const words = "The prompt names no field of the inputs, such as {{text}}: every item asks the same."
    const same = [
      ["-p", "Tell a joke"],
      ["-p", "Tell a {{kind}} joke", "--param", "kind=good"],
      ["-p", 'Write {{"{{"}}text}}', "-s", "Be brief"],
    ]
    for (const asked of same) {
      expect((await planned([input, ...asked, "-m", "lab:"]))["warnings"]).toEqual([words])
      expect((await sluice(["run", input, ...asked, "-m", "noop:"])).stderr).toContain(words)
    }
    const other = [
      ["-p", "Tell a joke", "-s", "About {{text}}"],
      ["-p", "{% if text %}Tell{% endif %}"],
      ["-p", "{{ text | upcase }}"],
    ]
    for (const asked of other) expect((await planned([input, ...asked, "-m", "lab:"]))["warnings"]).toEqual([])
    expect((await planned([inputOf([short]), "-p", "Tell a joke", "-m", "lab:"]))["warnings"]).toEqual([])
  })

  test("a budget that no call fits in: the plan says what the run says, and neither that it goes on", async () => {
    const input = inputOf([short, short])
    const args = [input, "-p", "{{text}}", "-m", "lab:gpt-5-mini", "--budget-usd", "0.05"]
    const words =
      /one call may cost \$0\.2560, and the whole budget is \$0\.0500\..* Raise the budget, or say how long an answer may be: --max-output-tokens\./
    const { stdout } = await sluice(["plan", ...args])
    expect(stdout).toMatch(words)
    expect(stdout).toContain("Nothing would be sent: ")
    expect(stdout).not.toContain("ends the run after")
    const { stderr } = await sluice(["run", ...args, "-o", `${input}.out.jsonl`])
    expect(stderr).toMatch(words)
    expect(stderr).not.toMatch(/The same command|Results/)
    expect((await sluice(["plan", ...args, "--max-output-tokens", "100"])).stdout).not.toContain(
      "Nothing would be sent",
    )
    const unpriced = [input, "-p", "{{text}}", "-m", "lab:", "--budget-usd", "1"]
    const warned = (await sluice(["run", ...unpriced, "-o", `${input}.free.jsonl`])).stderr
    expect(warned).toContain(
      "The budget does not count calls of lab:, whose price is not known. Name a model that has one",
    )
    expect(warned).not.toContain("budgetUsd")
  })

  test("shows tokens, dollars, both times, what decides and what would help; --dry-run is the same", async () => {
    const input = inputOf(Array.from({ length: 120 }, () => short))
    const args = [input, ...question, "--rpm", "60", "--max-output-tokens", "1000", "--budget-usd", "0.1"]
    const { code, stdout } = await sluice(["plan", ...args])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^120 items, openai:gpt-5-mini\n/)
    expect(stdout).toMatch(/time +│ 1:1\d +│ about 1:00:00, at most 24:00:00/)
    // 240 × $0.25 + 120,000 × $2, per million.
    expect(stdout).toMatch(/cost +│ \$0\.2401 +│ \$0\.1200/)
    expect(stdout).toMatch(/sent as +│ 120 calls +│ 1 batch +│\n/)
    expect(stdout).toMatch(/tokens in +│ 240 +│ 240 +│\n/)
    expect(stdout).toMatch(/tokens out +│ 120k \(1000 an answer at most\) +│ 120k /)
    expect(stdout).toMatch(/\nRequests per minute decide: .* A fixed --concurrency would have to be \d+\./)
    expect(stdout).toContain("The budget ends the run after about 49 items.")
    expect(stdout).toMatch(/calls started in each 0:\d\d, at most \d+\n[▁▂▃▄▅▆▇█ ]*█[▁▂▃▄▅▆▇█ ]*\n0:00 +1:/)
    expect(stdout).toMatch(/double requests per minute +│ 0:\d\d +│ 0:\d\d/)
    expect(stdout).toMatch(/lower max_tokens to 500 +│ .*\$0\.1200/)
    expect(stdout).toContain("first prompt:\n  user: 12345678")
    expect((await sluice(["run", ...args, "--dry-run"])).stdout).toBe(stdout)
  })

  test("--json is lab's plan of the same calls, and what it rests on", async () => {
    const input = inputOf(Array.from({ length: 120 }, () => short))
    const limits = ["--rpm", "60", "--tpm", "10000"]
    const printed = await planned([
      input,
      ...question,
      ...limits,
      "--max-output-tokens",
      "1000",
      "--answer-tokens",
      "100",
    ])
    const computed = await plan({
      calls: { count: 120, inputTokens: 2, outputTokens: 100, maxTokens: 1_000 },
      limits: { requestsPerMinute: 60, tokensPerMinute: 10_000 },
      chargesMaxTokens: "larger",
      model: "openai:gpt-5-mini",
      prices: { inputUsdPerMillion: 0.25, outputUsdPerMillion: 2 },
    })
    expect(printed).toMatchObject(JSON.parse(JSON.stringify(computed)) as object)
    expect(printed).toMatchObject({ inputs: 120, answerTokens: { each: 100, from: "answer-tokens" }, hasLimits: true })
    // OpenAI charges the maximum: ten calls a minute.
    expect(printed.online).toMatchObject({ boundBy: "tokensPerMinute", simulatedCalls: 120 })
    expect(printed.savings[0]).toMatchObject({ change: "lower max_tokens to 100" })
  })

  test("50,000 inputs are planned from a part of them, and it says so", async () => {
    const input = inputOf(Array.from({ length: 50_000 }, (_, id) => `{"text":"${"word ".repeat(1 + (id % 40))}"}`))
    const args = [input, ...question, "--tpm", "1000000"]
    const { online, tokens } = await planned(args)
    expect(tokens).toMatchObject({ output: 12_800_000 })
    expect(online).toMatchObject({ boundBy: "tokensPerMinute", simulatedCalls: 12_000 })
    // 14.1 M tokens at 1 M a minute, of which one stands ready.
    expect(online.timeMs / 60_000).toBeGreaterThan(12.7)
    expect(online.timeMs / 60_000).toBeLessThan(13.4)
    expect((await sluice(["plan", ...args])).stdout).toContain("12k of the calls were simulated; the rest")
  })

  test("a day's total spreads the run over days", async () => {
    const input = inputOf(Array.from({ length: 9_000 }, () => short))
    const { online } = await planned([input, ...question, "--rpm", "500", "--rpd", "4000"])
    expect(online.boundBy).toBe("requestsPerDay")
    expect(online.timeMs / 86_400_000).toBeGreaterThan(2)
    expect(online.timeMs / 86_400_000).toBeLessThan(2.01)
  })

  test("limits and prices of the configuration hold for their model", async () => {
    const input = inputOf(Array.from({ length: 90 }, () => short))
    const config = join(temporaryFolder(), "sluice.config.json")
    const limits = { "gpt-*": { requestsPerMinute: 10 }, "gpt-5*": { requestsPerMinute: 30 } }
    writeFileSync(config, JSON.stringify({ limits, prices: { "gpt-5-mini": { input: 0, output: 100 } } }))
    const { online, usd } = await planned([input, ...question, "--config", config, "--answer-tokens", "10"])
    expect(Math.round(online.timeMs / 60_000)).toBe(2)
    expect(usd).toEqual({ online: 0.09, batch: 0.045 })
  })

  test("without limits it says what the time stands for; the latency may be told", async () => {
    const input = inputOf([short, short])
    const told = await planned([input, ...question, "--latency-ms", "5000", "--token-ms", "0"])
    expect(told).toMatchObject({ hasLimits: false, online: { boundBy: "latency" } })
    expect(told.online.timeMs).toBeGreaterThan(5_000)
    const { stdout } = await sluice(["plan", input, ...question])
    expect(stdout).toContain("No limits given")
    expect(stdout).not.toContain("decide")
    const one = await sluice(["plan", input, ...question, "--concurrency", "1"])
    expect(one.stdout).toMatch(/\n--concurrency decides: 1\.0 in flight on average, 1 at most\.\n/)
    expect((await sluice(["plan", inputOf([short]), ...question])).stdout).toMatch(/^1 item, .*sent as +│ 1 call +│/s)
    const lab = await sluice(["plan", input, "-p", "{{text}}", "-m", "lab:"])
    expect(lab.stdout).toContain("No price is known for lab")
    expect(lab.stdout).not.toContain("batch API")
  })

  test("the numbers of one plan add up: times and what is saved, calls and limits, inputs and items", async () => {
    const input = inputOf(Array.from({ length: 500 }, () => short))
    const msOf = (text = ""): number => text.split(":").reduce((sum, part) => 60 * sum + Number(part), 0) * 1_000
    for (const more of [
      ["--concurrency", "4", "--limit", "7"],
      ["--rpm", "100"],
      ["--rpm", "100", "--limit", "100"],
      ["--tpm", "20000", "--rpd", "300"],
    ]) {
      const { stdout } = await sluice(["plan", input, ...question, ...more])
      const total = msOf(/time +│ ([\d:]+)/.exec(stdout)?.[1])
      const rows = [...stdout.matchAll(/(?:double|lower) .*│ ([\d:]+) +│ (nothing|[\d:]+)/g)]
      expect(rows.length).toBeGreaterThan(0)
      for (const [, time, saves] of rows) {
        expect(total - msOf(time)).toBe(saves === "nothing" ? 0 : msOf(saves))
      }
      expect(msOf(/\n0:00 +([\d:]+)\n/.exec(stdout)?.[1])).toBeLessThanOrEqual(total)
    }
    const folder = temporaryFolder()
    for (const name of ["a.txt", "b.txt"]) writeFileSync(join(folder, name), "Say {{text}}")
    const prompts = ["--prompt-file", join(folder, "a.txt"), join(folder, "b.txt"), "-m", "openai:gpt-5-mini"]
    const two = await sluice(["plan", input, ...prompts, "--sample", "10"])
    expect(two.stdout).toMatch(/^20 items of 10 inputs, openai:gpt-5-mini\n/)
  })

  test("what an earlier run has answered is told, as the run will ask nothing about it", async () => {
    const input = inputOf([short, short, short])
    const args = [input, "-p", "{{text}}", "-m", "lab:", "-o", join(temporaryFolder(), "out.jsonl")]
    expect((await sluice(["plan", ...args])).stdout).not.toContain("journal")
    expect((await sluice(["run", ...args, "-q", "--limit", "2"])).code).toBe(0)
    expect((await sluice(["plan", ...args])).stdout).toContain(
      "out.jsonl.journal has 2 answers. The plan counts every item; the run asks again about none that is settled there.",
    )
  })

  test("a run over HTTP sends the calls and tokens that were planned, and none is refused", async () => {
    const vendor = await startVendor({
      limits: { requests: 6_000, tokens: 60_000 },
      latency: { baseMs: 0, perOutputTokenMs: 0 },
      answer: { tokens: 20 },
    })
    onTestFinished(() => vendor.stop())
    const input = inputOf(Array.from({ length: 80 }, (_, id) => `{"text":"${"word ".repeat(1 + (id % 40))}"}`))
    const url = ["-m", "openai-compatible:lab", "--base-url", `${vendor.url}/v1`]
    const args = [input, "-p", "{{text}}", ...url, "--rpm", "6000", "--tpm", "60000"]
    const { tokens } = await planned([...args, "--answer-tokens", "20"])
    expect((await sluice(["run", ...args, "-q"])).code).toBe(0)
    const { answered, refused, inputTokens, outputTokens } = vendor.stats()
    expect({ answered, refused, input: inputTokens, output: outputTokens }).toEqual({
      answered: 80,
      refused: 0,
      ...tokens,
    })
  })

  test("what can never be sent, and an empty input, are told in a line", async () => {
    const long = await sluice([
      "plan",
      inputOf([short, `{"text":"${"x".repeat(8_000)}"}`]),
      ...question,
      "--itpm",
      "1000",
    ])
    expect([long.code, long.stdout]).toEqual([2, ""])
    expect(long.stderr).toMatch(/^sluice: .*2,000.*1,000.*\n$/)
    const empty = await sluice(["plan", inputOf([]), ...question])
    expect([empty.code, empty.stderr]).toEqual([2, "sluice: There is nothing to plan: the input is empty.\n"])
  })
})

test.each([
  ["openai", openai],
  ["anthropic", anthropic],
  ["google", gemini],
  ["openai-compatible", openaiCompatible],
] as const)("what is planned for %s is what its profile charges", (name, vendor: Vendor) => {
  const { chargesMaxTokens = false, countsInputOnly = false } = plannedVendor(name)
  const prompt = { textChars: 400, mediaParts: 0 }
  const learned = { inputTokens: () => 100, outputMean: 10, outputSpread: 0 }
  const request = { model: "m", prompt, maxOutputTokens: 1_000, stream: false, answers: 1 }
  const { outputTokens } = vendor.estimate(request, learned)
  const ahead = chargesMaxTokens === "larger" ? 900 : chargesMaxTokens ? 1_000 : 10
  expect(outputTokens).toBe(countsInputOnly ? 0 : ahead)
})

test("a run says for which limit its calls wait, until when, and when it will be done", async () => {
  const input = inputOf(Array.from({ length: 12 }, () => short))
  const out = join(temporaryFolder(), "out.jsonl")
  const args = ["run", input, "-p", "{{text}}", "-m", "lab:", "--rpm", "3", "-o", out]
  const { code, stderr } = await sluice(args, { clock: fastClock(50) })
  expect(code).toBe(0)
  const said = /waiting for requests per minute, next call in 0:\d\d, .* eta \d+:\d\d( \([\d:]+ to [\d:]+\))?$/
  expect(stderr.split("\n").filter((line) => said.test(line)).length).toBeGreaterThan(5)
})
