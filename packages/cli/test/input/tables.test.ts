import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { zipSync } from "fflate"
import { expect, test } from "vitest"
import { mostTimesAsLong, timesAsLong } from "../../../../scripts/testing/linear.ts"
import { columnNames } from "../../src/input/tables/table-rows.ts"
import { ended, linesOf, program, sluice, temporaryFolder } from "../command/sluice.ts"
import { speakingVendor } from "../command/speaking-vendor.ts"
import { spawn } from "node:child_process"

const tables = join(import.meta.dirname, "../fixtures/tables")

/** The lines of the results as they are in the file, of a run that asks nobody. */
async function inputsIn(file: string, ...more: string[]) {
  const out = join(temporaryFolder(), "out.jsonl")
  const args = [
    "run",
    join(tables, file),
    "-p",
    "{{text}}",
    "-m",
    "noop:",
    "--fields",
    "input",
    "-q",
    "-o",
    out,
    ...more,
  ]
  const { code, stderr } = await sluice(args)
  expect([stderr, code]).toEqual(["", 0])
  return readFileSync(out, "utf8").trimEnd().split("\n")
}

const fromDuckDb = [
  '{"input":{"id":9007199254740993,"text":"caf\u00e9 \u{1F600} \\"quoted\\", a;b","score":1.5,"price":12345678901234567890.10,"day":"2026-11-29","seen":"2026-11-29T08:55:48.123456","seen_utc":"2026-11-29T08:55:48Z","clock":"08:55:48","good":true,"tags":["a","b"],"nested":{"n":1,"s":"x"},"big":18446744073709551615,"uuid":"b55f1ed2-1111-4222-8333-444455556666","bytes":"AP8="}}',
  '{"input":{"id":-1,"text":"two\\nlines","score":0.1,"price":-0.05,"day":"1969-12-31","seen":"1969-12-31T23:59:59.500","seen_utc":null,"clock":"00:00:00.000001","good":false,"tags":[],"nested":null,"big":0,"uuid":null,"bytes":null}}',
  '{"input":{"id":null,"text":null,"score":null,"price":null,"day":null,"seen":null,"seen_utc":null,"clock":null,"good":null,"tags":null,"nested":null,"big":null,"uuid":null,"bytes":null}}',
]

test.each(["duckdb.parquet", "duckdb-zstd.parquet"])(
  "%s, as DuckDB wrote it: ids, decimals, moments, lists and nulls come back as they were",
  async (file) => {
    expect(await inputsIn(file)).toEqual(fromDuckDb)
  },
)

test("Parquet of polars", async () => {
  expect(await inputsIn("polars.parquet")).toEqual([
    '{"input":{"id":9007199254740993,"text":"caf\u00e9 \u{1F600}","score":1.5,"good":true,"day":"2026-11-29T08:55:48.123"}}',
    '{"input":{"id":2,"text":"two\\nlines","score":0.1,"good":false,"day":"1970-01-01T00:00:00"}}',
    '{"input":{"id":null,"text":null,"score":null,"good":null,"day":null}}',
  ])
})

test("a chat data set in Parquet, with a list of messages in each row, needs no prompt", async () => {
  const vendor = await speakingVendor(({ messages }) => messages.at(-1)?.content ?? "")
  const out = join(temporaryFolder(), "out.jsonl")
  const { code } = await sluice(["run", join(tables, "chat-duckdb.parquet"), ...vendor.args, "-q", "-o", out])
  expect([code, linesOf(out).map(({ output }) => output)]).toEqual([0, ["Say 0", "Say 1", "Say 2"]])
})

test("an id beyond 2^53 is a key, and a resumed run asks nothing", async () => {
  const vendor = await speakingVendor(({ messages }) => messages.at(-1)?.content ?? "")
  const out = join(temporaryFolder(), "out.jsonl")
  const args = ["run", join(tables, "duckdb.parquet"), "-p", "{{id}} {{price}}", "--limit", "2", ...vendor.args]
  const run = () => sluice([...args, "--key", "id", "--fields", "key,output", "-q", "-o", out])
  expect((await run()).code).toBe(0)
  expect((await run()).code).toBe(0)
  expect(linesOf(out)).toEqual([
    { key: "9007199254740993", output: "9007199254740993 12345678901234567890.10" },
    { key: "-1", output: "-1 -0.05" },
  ])
  expect(vendor.heard).toHaveLength(2)
})

test(".xlsx of pandas and XlsxWriter: the first sheet, digits as they are, dates without a zone, empty cells empty", async () => {
  expect(await inputsIn("pandas.xlsx")).toEqual([
    '{"input":{"id":1,"text":"caf\u00e9 \u{1F600} \\"q\\", a;b","score":1.5,"day":"2026-11-29","good":true,"code":"007"}}',
    '{"input":{"id":2,"text":"two\\nlines","score":0.1,"day":"2026-11-29T08:55:48","good":false,"code":"9007199254740993"}}',
    '{"input":{"id":3,"text":"","score":"","day":"","good":true,"code":""}}',
  ])
  expect(await inputsIn("xlsxwriter.xlsx")).toEqual([
    '{"input":{"id":123456789012345,"text":"=not a formula","sum":2}}',
    '{"input":{"id":"9007199254740993","text":"rich text","sum":1E-07}}',
  ])
})

test.each(["parquet", "xlsx"])("a .%s that is none, or is cut, ends the command with its name", async (kind) => {
  const folder = temporaryFolder()
  const whole = readFileSync(join(tables, kind === "xlsx" ? "pandas.xlsx" : "duckdb.parquet"))
  for (const bytes of [Buffer.from("no such thing"), whole.subarray(0, whole.length - 20), Buffer.alloc(0)]) {
    writeFileSync(join(folder, `in.${kind}`), bytes)
    const { code, stderr } = await sluice(["run", join(folder, `in.${kind}`), "-p", "{{text}}", "-m", "noop:"])
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/in\.(xlsx|parquet): not a (workbook|Parquet file) that can be read/),
    ])
  }
  const piped = await sluice(["run", "-", "--format", kind, "-p", "x", "-m", "noop:"], { stdin: "x" })
  expect([piped.code, piped.stderr]).toEqual([2, expect.stringContaining("name the file")])
})

test("a workbook that unpacks to gigabytes, or says less of itself than it holds, is refused before it is unpacked", async () => {
  const folder = temporaryFolder()
  const bomb = Buffer.from(zipSync({ "xl/worksheets/sheet1.xml": new Uint8Array(300 * 2 ** 20) }, { level: 1 }))
  // In the file's own header and in the list at the end.
  const size = Buffer.alloc(4)
  size.writeUInt32LE(300 * 2 ** 20)
  const lying = Buffer.from(bomb)
  for (let at = lying.indexOf(size); at >= 0; at = lying.indexOf(size, at)) lying.writeUInt32LE(10, at)
  for (const [name, bytes, said] of [
    ["bomb.xlsx", bomb, "unpacked it has more than 256 MiB; export it as CSV"],
    ["lying.xlsx", lying, "a part of it is larger than it says"],
  ] as const) {
    writeFileSync(join(folder, name), bytes)
    const { code, stderr } = await sluice(["run", join(folder, name), "-p", "x", "-m", "noop:"])
    expect([code, stderr]).toEqual([2, expect.stringContaining(said)])
  }
})

test("a table of a hundred thousand columns is read, and two of one name are found in it", () => {
  const names = Array.from({ length: 100_000 }, (_, at) => `c${at}`)
  expect(columnNames(names, "in.csv")).toHaveLength(100_000)
  expect(
    timesAsLong(
      (text) => columnNames(text.split(" "), "in.csv"),
      (length) => names.slice(0, length).join(" "),
      100_000,
    ),
  ).toBeLessThan(mostTimesAsLong)
  expect(() => columnNames([...names, "c7"], "in.csv")).toThrow('columns 8 and 100001 are both called "c7"')
})

test.each([
  ["duckdb.parquet", "hyparquet"],
  ["pandas.xlsx", "read-excel-file"],
])("%s without %s says how to get it", async (file, name) => {
  const folder = temporaryFolder()
  const hook = pathToFileURL(join(import.meta.dirname, "../fixtures/without-package.mjs")).href
  const child = spawn(
    process.execPath,
    ["--conditions=@sluice/source", "--import", hook, program, "run", join(tables, file), "-p", "x", "-m", "noop:"],
    { cwd: folder, env: { ...process.env, WITHOUT_PACKAGE: name } },
  )
  const { code, stderr } = await ended(child)
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(new RegExp(`needs .*${name}.* beside @sluice/cli: npm install .*${name}`)),
  ])
})

test("a folder: each file is an input, named by its path there, whatever its ending; hidden files are not", async () => {
  const folder = temporaryFolder()
  const docs = join(folder, "do[c]s")
  mkdirSync(join(docs, "sub"), { recursive: true })
  for (const [name, text] of [
    ["b.md", "B"],
    ["a.txt", "one\ntwo"],
    ["sub/c.csv", "x,y\n1,2\n"],
    [".hidden", "no"],
  ] as const)
    writeFileSync(join(docs, name), text)
  const vendor = await speakingVendor(({ messages }) => messages.at(-1)?.content ?? "")
  const out = join(folder, "out.jsonl")
  const args = ["run", docs, "-p", "{{name}}: {{text}}", ...vendor.args, "-q", "-o", out]
  const run = () => sluice([...args, "--fields", "key,output"])
  expect((await run()).code).toBe(0)
  const lines = [
    { key: "a.txt", output: "a.txt: one\ntwo" },
    { key: "b.md", output: "b.md: B" },
    { key: "sub/c.csv", output: "sub/c.csv: x,y\n1,2\n" },
  ]
  expect(linesOf(out)).toEqual(lines)
  writeFileSync(join(docs, "aa.md"), "new")
  expect((await run()).code).toBe(0)
  expect(linesOf(out)).toEqual([lines[0], { key: "aa.md", output: "aa.md: new" }, ...lines.slice(1)])
  expect(vendor.heard).toHaveLength(4)

  const within = await sluice(["run", docs, "-p", "x", "-m", "noop:", "-o", join(docs, "sub/out.jsonl")])
  expect([within.code, within.stderr]).toEqual([2, expect.stringContaining("lies in the folder of the inputs")])

  copyFileSync(join(docs, "b.md"), join(folder, "secret.txt"))
  symlinkSync(join(folder, "secret.txt"), join(docs, "link.md"))
  const linked = await run()
  expect([linked.code, linked.stderr]).toEqual([2, expect.stringContaining("a link leads out of the folder")])
  const two = await sluice(["run", docs, join(folder, "secret.txt"), "-p", "x", "-m", "noop:", "--follow-links"])
  expect([two.code, two.stderr]).toEqual([2, expect.stringContaining("name it alone")])
})
