import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { once } from "node:events"
import { expect, test } from "vitest"
import { ended, linesOf, sluice, startSluice, temporaryFolder } from "../command/sluice.ts"

function optionsFile(options: unknown): string {
  const file = join(temporaryFolder(), "vendor.json")
  writeFileSync(file, typeof options === "string" ? options : JSON.stringify(options))
  return file
}

test("sluice lab serves what its file and its flags say, until Ctrl-C; then it tells what it saw", async () => {
  const file = optionsFile({
    answer: { text: "from the file" },
    latency: { baseMs: 0, perOutputTokenMs: 0 },
    limits: { requests: 999, tokens: 5_000 },
    faults: { schedule: [{ kind: "error500", fromMs: 0, key: "unlucky" }] },
  })
  const child = startSluice(["lab", "--options", file, "--rpm", "60"], temporaryFolder())
  const done = ended(child)
  const [line] = (await once(child.stdout, "data")) as [Buffer]
  const url = line.toString().trim()
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  const ask = (key: string) =>
    fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "hello" }] }),
    })
  const answer = await ask("lucky")
  expect(await answer.json()).toMatchObject({ choices: [{ message: { content: "from the file" } }] })
  expect(answer.headers.get("x-ratelimit-limit-requests")).toBe("60")
  expect(answer.headers.get("x-ratelimit-limit-tokens")).toBe("5000")
  expect((await ask("unlucky")).status).toBe(500)
  child.kill("SIGINT")
  const { code, stdout } = await done
  expect(code).toBe(0)
  expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({
    arrived: 2,
    answered: 1,
    failed: { error500: 1 },
  })
}, 60_000)

test("its flags make a vendor of the kind that is to be tried: windows, limits, headers, faults", async () => {
  const flags = ["--itpm", "600", "--otpm", "900", "--rpd", "3", "--window", "fixed", "--headers", "anthropic"]
  const child = startSluice(
    ["lab", ...flags, "--fault", "error529=0", "--fault", "error500=1", "--latency-ms", "0", "--token-ms", "0"],
    temporaryFolder(),
  )
  const done = ended(child)
  const [line] = (await once(child.stdout, "data")) as [Buffer]
  const messages = [{ role: "user", content: "x".repeat(400) }]
  const ask = async () =>
    await fetch(`${line.toString().trim()}/v1/messages`, {
      method: "POST",
      body: JSON.stringify({ model: "m", max_tokens: 10, messages }),
    })
  const answer = await ask()
  expect(answer.status).toBe(500)
  expect(answer.headers.get("anthropic-ratelimit-input-tokens-limit")).toBe("600")
  expect(answer.headers.get("anthropic-ratelimit-output-tokens-limit")).toBe("900")
  expect([(await ask()).status, (await ask()).status, (await ask()).status]).toEqual([500, 500, 429])
  child.kill("SIGINT")
  const { stdout } = await done
  const truth = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as unknown
  expect(truth).toMatchObject({ arrived: 4, failed: { error500: 3 }, refusedByReason: { daily: 1 } })
}, 60_000)

test.each([
  ["5", 0],
  ["1", 1],
])(
  "sluice lab --fault offSchema and sluice run --schema, two processes: with --attempts %s no answer that does not fit is a result",
  async (attempts, wantedCode) => {
    const folder = temporaryFolder()
    const flags = ["--fault", "offSchema=0.3", "--latency-ms", "0", "--token-ms", "0", "--seed", "2"]
    const lab = startSluice(["lab", ...flags], folder)
    const done = ended(lab)
    const [line] = (await once(lab.stdout, "data")) as [Buffer]
    const schema = {
      type: "object",
      properties: { city: { enum: ["Berlin", "Paris"] }, n: { type: "integer", minimum: 1 } },
      required: ["city", "n"],
      additionalProperties: false,
    }
    writeFileSync(join(folder, "s.json"), JSON.stringify(schema))
    writeFileSync(join(folder, "in.txt"), Array.from({ length: 60 }, (_, n) => `t${n}\n`).join(""))
    const model = ["-m", "openai-compatible:x", "--base-url", `${line.toString().trim()}/v1`]
    const args = ["run", "in.txt", "-p", "{{text}}", ...model, "--schema", "s.json", "-o", "out.jsonl", "-q"]
    const { code } = await ended(startSluice([...args, "--attempts", attempts], folder))
    lab.kill("SIGINT")
    const { failed, answered } = JSON.parse((await done).stdout.trim().split("\n").at(-1) ?? "") as {
      answered: number
      failed: { offSchema: number }
    }
    const results = linesOf(join(folder, "out.jsonl"))
    const failures = linesOf(join(folder, "out.jsonl.failed.jsonl"))
    expect(code).toBe(wantedCode)
    expect(failed.offSchema).toBeGreaterThan(5)
    expect(results.length + failures.length).toBe(60)
    for (const { output } of results) {
      expect(output).toEqual({
        city: expect.stringMatching(/^(Berlin|Paris)$/) as string,
        n: expect.any(Number) as number,
      })
      expect((output as { n: number }).n).toBeGreaterThanOrEqual(1)
    }
    // Some of what the vendor says wrong holds the right JSON among words; the rest is asked again, or a failure.
    if (attempts === "1") {
      expect(failures.length).toBeGreaterThan(2)
      expect(failures.length).toBeLessThanOrEqual(failed.offSchema)
    } else {
      expect(failures).toEqual([])
      expect(answered + failed.offSchema).toBeGreaterThan(60)
    }
    for (const failure of failures) {
      expect(failure).toMatchObject({
        error: { code: "answer-invalid", message: expect.stringMatching(/./) as string },
      })
    }
  },
  60_000,
)

test.each([
  [["--fault", "error529"], {}, /--fault.*Wanted KIND=SHARE/],
  [["--fault", "eror500=1"], {}, /: unknown option "faults\.rates\.eror500"\. Did you mean "error500"\?$/m],
  [["--fault", "hang=2"], {}, /faults\.rates\.hang must be a number from 0 to 1 \(got 2\)/],
  [["--window", "leaky"], {}, /--window.*bucket, slices, sliding, fixed/],
  [
    ["--options", "OPTIONS"],
    { faults: { rates: { eror500: 1 } } },
    /\.json: .*unknown option "faults\.rates\.eror500"\. Did you mean "error500"\?$/m,
  ],
  [["--options", "OPTIONS"], { latency: { baseMs: "5" } }, /latency\.baseMs .*number.*\(got "5"\)/],
  [["--options", "OPTIONS"], { host: "0.0.0.0" }, /host must be a loopback address/],
  [["--options", "OPTIONS"], "{", /--options .*: not JSON \(/],
  [["--options", "OPTIONS"], [], /wanted a JSON object/],
  [["--port", "70000"], {}, /--port.*'70000' is invalid. Wanted a port from 1 to 65535/],
  [["--port", "x"], {}, /--port.*Wanted a port from 1 to 65535/],
  [["--token-ms", "-1"], {}, /--token-ms.*Wanted 0 or a number above/],
] as const)("sluice lab %j of %j is refused in a line that names it", async (args, options, message) => {
  const file = optionsFile(options)
  const { code, stderr } = await sluice(["lab", ...args.map((arg) => (arg === "OPTIONS" ? file : arg))])
  expect(code).toBe(2)
  expect(stderr).toMatch(message)
  expect(stderr.trimEnd().split("\n")).toHaveLength(1)
})
