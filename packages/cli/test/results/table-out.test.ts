import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { readParquet } from "../../src/input/tables/read-parquet.ts"
import { labVendor } from "../command/set-up.ts"
import { linesOf, sluice, temporaryFolder } from "../command/sluice.ts"
import { jsonServer, speakingVendor } from "../command/speaking-vendor.ts"

const inputs = [
  { id: 1, text: "good", more: { a: 1 } },
  { id: 2, text: "=1+1", more: null },
  { id: 3, text: 'two\nlines, and "quotes"', more: { a: 2 } },
]

function setUp(name: string) {
  const folder = temporaryFolder()
  const lines = inputs.map((input) => `${JSON.stringify(input)}\n`).join("")
  writeFileSync(join(folder, "in.jsonl"), `${lines}{"id":9007199254740993,"text":"big","more":{"a":3}}\n`)
  const out = join(folder, name)
  return { folder, out, args: ["run", join(folder, "in.jsonl"), "-p", "{{text}}", "-q", "-o", out] }
}

async function rowsOf(file: string): Promise<string[]> {
  const rows: string[] = []
  for await (const { record } of readParquet(file)) rows.push(JSON.stringify(record))
  return rows
}

test("-o results.csv: the lines as a table when the run ends; they, the journal and the failures stand beside it", async () => {
  const vendor = await speakingVendor(({ messages }) => messages.at(-1)?.content ?? "")
  const { folder, out, args } = setUp("results.csv")
  const run = (...more: string[]) => sluice([...args, ...vendor.args, ...more])
  expect(await run()).toMatchObject({ code: 0, stderr: "" })
  const table = [
    "index,input.id,input.text,input.more,output",
    '0,1,good,"{""a"":1}",good',
    "1,2,'=1+1,null,'=1+1",
    `2,3,"two\nlines, and ""quotes""","{""a"":2}","two\nlines, and ""quotes"""`,
    '3,9007199254740993,big,"{""a"":3}",big',
    "",
  ].join("\n")
  expect(readFileSync(out, "utf8")).toBe(table)
  expect(readdirSync(folder).toSorted()).toEqual([
    "in.jsonl",
    "results.csv",
    "results.csv.journal",
    "results.csv.jsonl",
  ])
  expect(linesOf(`${out}.jsonl`)).toHaveLength(4)
  // The same command asks nothing, and makes the table anew where it is gone.
  rmSync(out)
  expect((await run()).code).toBe(0)
  expect([readFileSync(out, "utf8"), vendor.heard.length]).toEqual([table, 4])
  // Other fields, other columns.
  expect((await run("--fields", "output,id")).code).toBe(0)
  expect(readFileSync(out, "utf8").split("\n")[0]).toBe("output,id")
  expect((await sluice(["inspect", out])).stdout).toContain("4 ok, 0 failed")
})

test("-o results.json: the lines as a list, which is made anew by the same command and can be read as an input", async () => {
  const vendor = await speakingVendor(({ messages }) => messages.at(-1)?.content ?? "")
  const { folder, out, args } = setUp("results.json")
  const run = () => sluice([...args, ...vendor.args, "--fields", "id,output"])
  expect(await run()).toMatchObject({ code: 0, stderr: "" })
  const list = String.raw`[
{"id":1,"output":"good"},
{"id":2,"output":"=1+1"},
{"id":3,"output":"two\nlines, and \"quotes\""},
{"id":9007199254740993,"output":"big"}
]
`
  expect(readFileSync(out, "utf8")).toBe(list)
  rmSync(out)
  expect((await run()).code).toBe(0)
  expect([readFileSync(out, "utf8"), vendor.heard.length]).toEqual([list, 4])
  const next = ["run", out, "-p", "{{id}}", ...vendor.args, "-q", "-o", join(folder, "next.jsonl")]
  expect((await sluice(next)).code).toBe(0)
  expect(vendor.heard.at(-1)?.messages[0]?.content).toBe("9007199254740993")
  writeFileSync(out, `${list}\n`)
  expect(await run()).toMatchObject({ code: 2, stderr: expect.stringContaining("is not as a run recorded") as string })
})

test.each(["x.xlsx", "x.tsv", "x.csv.gz", "x.jsonl.gz", "x.parquet.zst", "X.XLS", "x.yaml"])(
  "-o %s is refused in words that name what is written; nothing is asked, and nothing made",
  async (name) => {
    const vendor = await speakingVendor(() => "a")
    const { folder, out, args } = setUp(name)
    const { code, stderr } = await sluice([...args, ...vendor.args])
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/: no \.\w+ is written\. .*\.jsonl.*\.json.*\.csv.*\.parquet.*--format-out jsonl/),
    ])
    expect([vendor.heard, readdirSync(folder)]).toEqual([[], ["in.jsonl"]])
    expect((await sluice([...args, ...vendor.args, "--format-out", "jsonl"])).code).toBe(0)
    expect(linesOf(out)).toHaveLength(4)
  },
)

test("-o results.parquet: fields of --schema are columns, typed, with all digits", async () => {
  const server = await jsonServer(() => ({
    body: { choices: [{ finish_reason: "stop", message: { content: '{"kind":"good","stars":5}' } }] },
  }))
  const { folder, out, args } = setUp("results.parquet")
  writeFileSync(join(folder, "schema.json"), '{"type":"object","required":["kind","stars"]}')
  const model = ["-m", "openai-compatible:x", "--base-url", `${server.url}/v1`, "--schema", join(folder, "schema.json")]
  expect(await sluice([...args, ...model])).toMatchObject({ code: 0, stderr: "" })
  const rows = await rowsOf(out)
  expect(rows[0]).toBe(
    '{"index":0,"input.id":1,"input.text":"good","input.more":{"a":1},"output.kind":"good","output.stars":5}',
  )
  expect(rows[3]).toContain('"input.id":9007199254740993')
})

test("several models: a column for each", async () => {
  const vendor = await speakingVendor(() => "yes")
  const { out, args } = setUp("results.csv")
  const models = ["-m", "openai-compatible:b", "--fields", "id,output"]
  expect((await sluice([...args, ...vendor.args, ...models])).code).toBe(0)
  expect(readFileSync(out, "utf8").split("\n").slice(0, 2)).toEqual([
    "id,output.openai-compatible:x,output.openai-compatible:b",
    "1,yes,yes",
  ])
})

test("what failed stands in the failures, and asked again it is in the table", async () => {
  let isWell = false
  const vendor = await speakingVendor(({ messages }) =>
    isWell || messages.at(-1)?.content !== "big" ? "fine" : { status: 422, message: "no such thing" },
  )
  const { out, args } = setUp("results.csv")
  const failed = await sluice([...args.filter((word) => word !== "-q"), ...vendor.args])
  expect([failed.code, linesOf(`${out}.failed.jsonl`).length]).toEqual([1, 1])
  expect(failed.stderr).toContain(`Results: ${out}; failures: ${out}.failed.jsonl.`)
  expect(readFileSync(out, "utf8")).not.toContain("big")
  isWell = true
  expect((await sluice([...args, ...vendor.args, "--retry-failed"])).code).toBe(0)
  expect(readFileSync(out, "utf8")).toContain('3,9007199254740993,big,"{""a"":3}",fine')
})

test.each(["results.csv", "results.parquet"])(
  "%s that is somebody else's is not touched, and nothing is asked",
  async (name) => {
    const vendor = await labVendor()
    const { out, args } = setUp(name)
    writeFileSync(out, "years of work\n")
    const { code, stderr } = await sluice([...args, "-m", "openai-compatible:x", "--base-url", `${vendor.url}/v1`])
    expect([code, vendor.stats().arrived, readFileSync(out, "utf8")]).toEqual([2, 0, "years of work\n"])
    expect(stderr).toContain(`${out} exists and is not as a run recorded in its journal wrote it.`)
  },
)

test("a table that somebody has written into is not replaced; moved away, it is made anew", async () => {
  const { out, args } = setUp("results.csv")
  const run = () => sluice([...args, "-m", "noop:"])
  expect((await run()).code).toBe(0)
  const written = readFileSync(out, "utf8")
  writeFileSync(out, `${written}my own notes\n`)
  const refused = await run()
  expect([refused.code, readFileSync(out, "utf8")]).toEqual([2, `${written}my own notes\n`])
  renameSync(out, `${out}.mine.csv`)
  expect((await run()).code).toBe(0)
  expect(readFileSync(out, "utf8")).toBe(written)
})

test("nor is one in which somebody has changed a letter for another", async () => {
  const { out, args } = setUp("results.csv")
  const run = () => sluice([...args, "-m", "noop:"])
  expect((await run()).code).toBe(0)
  const edited = readFileSync(out, "utf8").replace("index", "Index")
  writeFileSync(out, edited)
  const refused = await run()
  expect([refused.code, readFileSync(out, "utf8")]).toEqual([2, edited])
})

test("at a Ctrl-C there is no table yet: the summary names the lines", async () => {
  const { out, args } = setUp("results.csv")
  const interrupts = new Set<() => void>()
  const vendor = await speakingVendor(() => {
    for (const interrupt of interrupts) interrupt()
    return "fine"
  })
  const loud = args.filter((word) => word !== "-q")
  const stopped = await sluice([...loud, ...vendor.args, "--concurrency", "1"], { interrupts })
  expect([stopped.code, existsSync(out), linesOf(`${out}.jsonl`).length]).toEqual([130, false, 1])
  expect(stopped.stderr).toContain(`Results: ${out}.jsonl.`)
  const calm = await speakingVendor(() => "fine")
  expect((await sluice([...args, ...calm.args])).code).toBe(0)
  expect(readFileSync(out, "utf8").trimEnd().split("\n").length).toBeGreaterThanOrEqual(5)
})

test("a run whose inputs all fail has no table", async () => {
  const vendor = await speakingVendor(() => ({ status: 422, message: "no such thing" }))
  const { out, args } = setUp("results.parquet")
  expect((await sluice([...args, ...vendor.args])).code).toBe(1)
  expect(existsSync(out)).toBe(false)
})

test("--format-out jsonl: lines, whatever the file is called", async () => {
  const { out, args } = setUp("results.csv")
  expect((await sluice([...args, "-m", "noop:", "--format-out", "jsonl"])).code).toBe(0)
  expect(linesOf(out)).toHaveLength(4)
})
