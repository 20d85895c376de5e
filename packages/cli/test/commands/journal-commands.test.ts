import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { parse } from "csv-parse/sync"
import { expect, test, vi } from "vitest"
import { linesOf, sluice, temporaryFolder } from "../command/sluice.ts"
import { speakingVendor } from "../command/speaking-vendor.ts"

async function run(count: number): Promise<string> {
  const folder = temporaryFolder()
  const input = join(folder, "in.jsonl")
  const result = join(folder, "out.jsonl")
  writeFileSync(
    input,
    Array.from({ length: count }, (_, id) => `{"id":${id},"text":"one, \\"two\\" ${id}"}\n`).join(""),
  )
  expect((await sluice(["run", input, "-p", "Say {{text}}", "-m", "lab:", "-o", result, "-q"])).code).toBe(0)
  return result
}

test("runs, inspect and export show what the journal holds", async () => {
  const out = await run(4)
  const runs = await sluice(["runs", `${out}.journal`, "--json"])
  expect(JSON.parse(runs.stdout)).toMatchObject({
    runId: "out.jsonl",
    flow: "sluice run",
    status: "ok",
    ok: 4,
    failed: 0,
  })
  expect((await sluice(["runs", `${out}.journal`])).stdout).toMatch(/out\.jsonl .*ok .*4/)
  expect(await sluice(["runs", out, "--json"])).toEqual(runs)

  const inspected = (await sluice(["inspect", out, "--limit", "3"])).stdout
  expect(inspected).toMatch(
    /^out\.jsonl \(sluice run\): ok, 4 ok, 0 failed\n4 attempts, [1-9]\d* input and [1-9]\d* output tokens/,
  )
  expect(inspected).toContain("… and 1 more")
  expect((await sluice(["inspect", out, "--failed"])).stdout).not.toContain("│")

  const exported = (await sluice(["export", out])).stdout.trimEnd().split("\n")
  expect(exported.map((line) => JSON.parse(line) as unknown)).toHaveLength(4)
  const csv = (await sluice(["export", out, "--format", "csv"])).stdout
  const rows: Record<string, string>[] = parse(csv, { columns: true })
  expect(rows).toHaveLength(4)
  expect(rows.find(({ index }) => index === "2")).toMatchObject({
    "input.id": "2",
    "input.text": 'one, "two" 2',
    output: expect.stringMatching(/./) as string,
    finishReason: "stop",
  })
  expect((await sluice(["export", out, "--status", "failed"])).stdout).toBe("")
})

test("export has items as they were settled, and says where each stood in the input", async () => {
  const vendor = await speakingVendor(async ({ messages }) => {
    const [{ content } = { content: "" }] = messages
    if (content === "first") await vi.waitFor(() => expect(answered).toBe(1), { timeout: 20_000 })
    if (content === "second") answered++
    return "fine"
  })
  let answered = 0
  const folder = temporaryFolder()
  const [input, out] = [join(folder, "in.txt"), join(folder, "out.jsonl")]
  writeFileSync(input, "alone\nfirst\nsecond\n")
  const asked = ["run", input, "-p", "{{text}}", ...vendor.args, "-o", out, "-q"]
  expect((await sluice(asked)).code).toBe(0)
  expect(linesOf(out).map(({ index }) => index)).toEqual([0, 1, 2])
  const exported = (await sluice(["export", out])).stdout.trimEnd().split("\n")
  expect(exported.map((line) => (JSON.parse(line) as { index: number }).index)).toEqual([0, 2, 1])
})

test("--journal names the journal of results that went elsewhere, and one that has another run is not taken for it", async () => {
  const folder = temporaryFolder()
  const [input, out, journal] = ["in.txt", "out.jsonl", "kept.journal"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(input, "a\n")
  const made = ["run", input, "-p", "{{text}}", "-m", "noop:", "-o", out, "--journal", journal, "-q"]
  expect((await sluice(made)).code).toBe(0)
  for (const run of [[out], ["out.jsonl"], []]) {
    const { code, stdout } = await sluice(["inspect", ...run, "--journal", journal])
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^out\.jsonl \(sluice run\): ok, 1 ok/)])
    expect((await sluice(["export", ...run, "--journal", journal])).stdout).toContain('"index":0')
  }
  expect((await sluice(["inspect", journal])).code).toBe(0)
  const other = await sluice(["inspect", "other.jsonl", "--journal", journal])
  expect([other.code, other.stderr]).toEqual([2, `sluice: ${journal} has no run "other.jsonl". It has: out.jsonl.\n`])
})

test("inspect: what a model without a price cost is not known; with one it is told", async () => {
  const { args } = await speakingVendor(() => "fine")
  const folder = temporaryFolder()
  const [input, out] = [join(folder, "in.jsonl"), join(folder, "out.jsonl")]
  writeFileSync(input, '{"text":"a"}\n')
  const asked = ["run", input, "-p", "{{text}}", ...args, "-q"]
  expect((await sluice([...asked, "-o", out])).code).toBe(0)
  expect((await sluice(["inspect", out])).stdout).toMatch(/\n1 attempts, .* output tokens, cost not known\n/)
  const config = join(folder, "c.json")
  writeFileSync(config, '{"prices":{"x":{"input":1000,"output":1000}}}')
  expect((await sluice([...asked, "-o", `${out}.2`, "--config", config])).code).toBe(0)
  expect((await sluice(["inspect", `${out}.2`])).stdout).toMatch(/ output tokens, \$0\.0[1-9]\d*\n/)
})

test("a table for spreadsheets: fields are columns, what looks like a formula is text, numbers stay numbers", async () => {
  const folder = temporaryFolder()
  const input = join(folder, "in.jsonl")
  writeFileSync(
    input,
    ['{"id":9007199254740993,"text":"=1+1"}', '{"id":-5,"more":"-3,5"}', '{"id":"@x","text":"-"}'].join("\n"),
  )
  const out = join(folder, "out.jsonl")
  await sluice(["run", input, "-p", "{{id}}", "-m", "noop:", "-o", out, "-q"])
  const rows: Record<string, string>[] = parse((await sluice(["export", out, "--format", "csv"])).stdout, {
    columns: true,
  })
  const cells = rows.toSorted((a, b) => Number(a["index"]) - Number(b["index"]))
  expect(cells.map((row) => [row["input.id"], row["input.text"], row["input.more"]])).toEqual([
    ["9007199254740993", "'=1+1", ""],
    ["-5", "", "-3,5"],
    ["'@x", "'-", ""],
  ])
})

test("fields of an output are columns too, beside those of the input; what failed has its own in one", async () => {
  const answers = [
    '{"city":"Paris","n":2,"tags":["a","b"]}',
    '{"city":"=HYPERLINK(1)","at":{"x":1},"length":3}',
    "no JSON",
  ]
  const vendor = await speakingVendor(({ messages }) => answers[Number(messages[0]?.content)] ?? "")
  const folder = temporaryFolder()
  const [input, schema, out] = ["in.csv", "s.json", "out.jsonl"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(input, "id,text\n0,one\n1,two\n2,three\n")
  writeFileSync(schema, '{"type":"object"}')
  const args = ["run", input, "-p", "{{id}}", ...vendor.args, "-o", out, "--schema", schema, "--attempts", "1", "-q"]
  expect((await sluice(args)).code).toBe(1)
  const { code, stdout } = await sluice(["export", out, "--format", "csv"])
  expect(code).toBe(0)
  const rows: Record<string, string>[] = parse(stdout, { columns: true })
  // `length` and `at` are also what JavaScript finds in a text.
  const names = [
    "input.id",
    "input.text",
    "output.city",
    "output.n",
    "output.tags",
    "output.at",
    "output.length",
    "output",
  ]
  const cells = rows.toSorted((a, b) => Number(a["index"]) - Number(b["index"]))
  expect(cells.map((row) => names.map((name) => row[name]))).toEqual([
    ["0", "one", "Paris", "2", '["a","b"]', "", "", ""],
    ["1", "two", "'=HYPERLINK(1)", "", "", '{"x":1}', "3", ""],
    ["2", "three", "", "", "", "", "", "no JSON"],
  ])
  expect(cells.map((row) => [row["status"], row["error"]])).toEqual([
    ["ok", ""],
    ["ok", ""],
    ["failed", "it is not JSON"],
  ])
})

test("export of a damaged journal: all that can be read, then what is wrong, exit code 2", async () => {
  const result = await run(300)
  const bytes = readFileSync(`${result}.journal`)
  bytes.fill(0xff, Math.floor(bytes.length / 2 / 4_096) * 4_096, Math.floor(bytes.length / 2 / 4_096) * 4_096 + 4_096)
  writeFileSync(`${result}.journal`, bytes)
  const { code, stdout, stderr } = await sluice(["export", result])
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { index: number })
  expect(lines.length).toBeGreaterThan(100)
  expect(lines.length).toBeLessThan(300)
  expect(new Set(lines.map(({ index }) => index)).size).toBe(lines.length)
  expect([code, stderr.trimEnd().split("\n").length]).toEqual([2, 1])
  expect(stderr).toMatch(/is damaged/)
})

test("graph draws the flow that a module exports", async () => {
  const file = join(import.meta.dirname, "../fixtures", "flow.ts")
  const { code, stdout } = await sluice(["graph", file])
  expect(code).toBe(0)
  expect(stdout).toMatch(/^flowchart TD\n/)
  expect(stdout).toMatch(/"load"[\s\S]*"summarise"[\s\S]*n_0 --> n_1/)
  expect(JSON.parse((await sluice(["graph", file, "app", "--json"])).stdout)).toMatchObject({
    kind: "flow",
    name: "digest",
  })
  expect((await sluice(["graph", file, "nope"])).stderr).toContain(
    "exports no flow called nope. Flows it exports: app.",
  )
})

test.each(["bash", "zsh", "fish"])("completion for %s knows every command and option", async (shell) => {
  const { stdout } = await sluice(["completion", shell])
  for (const word of ["inspect", "retry-failed", "budget-usd", "latency-ms"]) expect(stdout).toContain(word)
})

test.skipIf(process.platform === "win32")(
  "in a real bash, Tab completes commands, options and choices, and leaves files to the shell",
  async () => {
    const { stdout: script } = await sluice(["completion", "bash"])
    const complete = (...words: string[]): string => {
      const typed = `COMP_WORDS=(sluice ${words.map((word) => `"${word}"`).join(" ")}); COMP_CWORD=${words.length}; _sluice; echo "\${COMPREPLY[*]}"`
      return execFileSync("bash", ["--norc", "-c", `${script}\n${typed}`], { encoding: "utf8" }).trim()
    }
    expect(complete("ins")).toBe("inspect")
    expect(complete("run", "--retry")).toBe("--retry-failed")
    expect(complete("run", "--la")).toBe("--lane --latency-ms")
    expect(complete("run", "--lane", "")).toBe("online batch auto")
    expect(complete("run", "in.csv", "--format", "c")).toBe("csv")
    expect(complete("export", "x", "--format", "")).toBe("jsonl csv parquet")
    expect(complete("completion", "z")).toBe("zsh")
    expect(complete("quota", "w")).toBe("watch")
    expect(complete("help", "wat")).toBe("watch")
    expect(complete("quota", "show", "--r")).toBe("--redis")
    // Files: bash offers them where there is no word.
    for (const typed of [
      ["run", ""],
      ["run", "in.j"],
      ["run", "-o", ""],
      ["run", "--prompt-file", "--la"],
    ]) {
      expect(complete(...typed)).toBe("")
    }
  },
)

test("help names every command, the exit codes and an example; each command has its own", async () => {
  const { code, stdout } = await sluice(["--help"])
  expect(code).toBe(0)
  for (const word of [
    "run ",
    "plan ",
    "runs ",
    "inspect ",
    "export ",
    "lab ",
    "graph ",
    "completion ",
    "130 interrupted",
    "$ sluice run",
  ]) {
    expect(stdout).toContain(word)
  }
  expect((await sluice(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  const runHelp = (await sluice(["run", "--help"])).stdout
  for (const group of ["Question:", "Model:", "Input and output:", "Journal:", "Display:"])
    expect(runHelp).toContain(group)
})

test("docs/cli.md names every option of run", async () => {
  const { stdout } = await sluice(["run", "--help"])
  const options = [...stdout.matchAll(/--([a-z][a-z-]+)/g)].map(([, name]) => name)
  const docs = readFileSync(join(import.meta.dirname, "../../../../docs/cli.md"), "utf8")
  const known = new Set(["help", "max-output-tokens", "temperature", "timeout-s", "no-journal"])
  expect(options.filter((name) => name !== undefined && !known.has(name) && !docs.includes(`--${name}`))).toEqual([])
})

test("--json: every line is an event, and the last one sums up", async () => {
  const folder = temporaryFolder()
  const input = join(folder, "in.jsonl")
  writeFileSync(input, '{"text":"a"}\n{"text":"b"}\n')
  const { stderr } = await sluice(["run", input, "-p", "{{text}}", "-m", "lab:", "-o", join(folder, "o"), "--json"])
  const events = stderr
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { type: string })
  const types = events.map(({ type }) => type)
  for (const type of ["item-start", "permit-admit", "http-attempt", "usage", "item-end"]) expect(types).toContain(type)
  expect(events.at(-1)).toMatchObject({ type: "summary", ok: 2, failed: 0, interrupted: false })
  expect(linesOf(join(folder, "o"))).toHaveLength(2)
})

test("what stopped a run, and what a small answer costs, in the words of the run itself", async () => {
  const folder = temporaryFolder()
  const out = join(folder, "out.jsonl")
  writeFileSync(join(folder, "in.jsonl"), '{"text":"a"}\n')
  const args = ["run", join(folder, "in.jsonl"), "-p", "{{text}}", "-m", "lab:gpt-5-nano", "-o", out]
  const cost = /(\$0\.0000\d+) spent/.exec((await sluice([...args, "--max-output-tokens", "1"])).stderr)?.[1]
  expect(cost).toBeDefined()
  const inspected = (await sluice(["inspect", out])).stdout
  expect(inspected).toContain(`output tokens, ${cost}\n`)
  expect(inspected).toContain(` ${cost?.slice(1)} `)
  for (const [status, words] of [
    ["cancelled", "stopped: Ctrl-C"],
    ["running", "died: killed, or a power cut"],
  ]) {
    const database = new DatabaseSync(`${out}.journal`)
    database.prepare("UPDATE runs SET status = ?, endedAtMs = NULL").run(status!)
    database.close()
    expect((await sluice(["runs", `${out}.journal`])).stdout).toContain(` ${words} `)
    expect((await sluice(["inspect", out])).stdout).toContain(`: ${words}, `)
    expect(JSON.parse((await sluice(["runs", `${out}.journal`, "--json"])).stdout)).not.toHaveProperty("stopped")
  }
  expect((await sluice([...args, "--retry-failed", "bogus"])).stderr).toMatch(/^sluice: option '--retry-failed/)
})
