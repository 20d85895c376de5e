import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { SluiceError } from "@sluice/core"
import { expect, test } from "vitest"
import { mostTimesAsLong, timesAsLong } from "../../../../scripts/testing/linear.ts"
import { compileTemplate } from "../../src/question/prompt-template.ts"
import { ended, linesOf, sluice, startSluice, temporaryFolder } from "../command/sluice.ts"
import { speakingVendor } from "../command/speaking-vendor.ts"

/** Runs over one file of these bytes and gives what was sent and the result lines as they are in the file. */
async function through(name: string, bytes: string | Buffer, prompt = "{{text}}", ...more: string[]) {
  const vendor = await speakingVendor(({ messages }) => messages.at(-1)?.content ?? "")
  const folder = temporaryFolder()
  const out = join(folder, "out.jsonl")
  writeFileSync(join(folder, name), bytes)
  const args = ["run", join(folder, name), "-p", prompt, ...vendor.args, "-o", out, "-q", ...more]
  const { code, stderr } = await sluice(args)
  const sent = vendor.heard.map(({ messages }) => messages.at(-1)?.content ?? "")
  const raw = code === 0 ? readFileSync(out, "utf8") : ""
  return { code, stderr, sent, raw, args, out, heard: vendor.heard, folder }
}

test("a process of its own: ids above 2^53 keep their digits, in the prompt, in the result, as --key, after a resume", async () => {
  const lines = ["9007199254740993", "9007199254740992", "1234567890123456789012345"]
  const text = lines.map((id) => `{"id":${id},"price":1.50}\n`).join("")
  const { args, heard, folder, out } = await through("in.jsonl", text, "{{id}} for {{price}}", "--key", "id")
  expect(heard.map(({ messages }) => messages[0]?.content ?? "").toSorted()).toEqual(
    lines.map((id) => `${id} for 1.50`).toSorted(),
  )
  const whole = readFileSync(out, "utf8")
  expect(whole.split("\n")[0]).toBe(
    '{"index":0,"input":{"id":9007199254740993,"price":1.50},"output":"9007199254740993 for 1.50"}',
  )
  expect((await ended(startSluice([...args, "--fields", "key,id,output"], folder))).code).toBe(0)
  expect(heard).toHaveLength(3)
  expect(readFileSync(out, "utf8").split("\n")[2]).toBe(
    '{"key":"1234567890123456789012345","id":1234567890123456789012345,"output":"1234567890123456789012345 for 1.50"}',
  )
})

test.each([
  ["in.csv", "text\ncaf\u00e9\nna\u00efve\n", 2],
  ["in.jsonl", '{"text":"plain"}\n{"text":"caf\u00e9"}\n', 2],
  ["in.txt", "one\ntwo\nthr\u00e9e\n", 3],
])("%s in Latin-1 is refused with its line and the remedy, which then reads it", async (name, text, line) => {
  const bytes = Buffer.from(text, "latin1")
  const refused = await through(name, bytes)
  expect(refused.code).toBe(2)
  expect(refused.stderr).toContain(`${name}:${line}: not a text in UTF-8`)
  expect(refused.stderr).toContain("--encoding windows-1252")
  expect(refused.heard).toHaveLength(0)
  const read = await through(name, bytes, "{{text}}", "--encoding", "latin1")
  expect(read.code).toBe(0)
  expect(read.sent.some((one) => /caf\u00e9|thr\u00e9e/.test(one))).toBe(true)
})

test("UTF-16 with its mark, as Excel's Unicode text is, needs no option", async () => {
  const { sent } = await through("in.tsv", Buffer.from("\uFEFFtext\tn\r\ncaf\u00e9 \u{1F600}\t1\r\n", "utf16le"))
  expect(sent).toEqual(["caf\u00e9 \u{1F600}"])
})

test("a character on the edge of two blocks of the file is one character, and a bad one far in is found in its line", async () => {
  const long = `${"x".repeat(65_530)}\u{1F600}\u{1F600}\u{1F600}`
  const { sent } = await through("in.txt", `${long}\n${long}\n`)
  expect(sent).toEqual([long, long])
  const bad = Buffer.concat([
    Buffer.from("a good line\n".repeat(20_000)),
    Buffer.from([0x61, 0xe9, 10]),
    Buffer.from("b"),
  ])
  expect((await through("in.txt", bad)).stderr).toContain(
    "in.txt:20001: not a text in UTF-8 (another encoding?). Say which",
  )
})

test("U+2028, U+2029, U+0085 and a lone carriage return cut no line", async () => {
  const text = "one\u2028two\u2029three\u0085four"
  expect((await through("in.jsonl", `{"text":"${text}"}\r\n{"text":"b"}`)).sent.toSorted()).toEqual(["b", text])
  expect((await through("in.txt", `${text}\rfive\r\nb\r\n`)).sent.toSorted()).toEqual(["b", `${text}\rfive`])
})

test("a field that is null is there", async () => {
  const { sent, raw } = await through(
    "in.jsonl",
    '{"text":"a","note":null}\n',
    "{{text}} ({{note}})",
    "--fields",
    "note",
  )
  expect([sent, raw]).toEqual([["a (null)"], '{"note":null}\n'])
})

test("two braces as such", async () => {
  expect((await through("in.txt", "x\n", '{{"{{"}}text}} is {{text}}, {{ "}}" }}')).sent).toEqual(["{{text}} is x, }}"])
})

test.each<[string, string, string, Record<string, string>[]]>([
  [
    "quotes inside unquoted fields",
    "in.csv",
    'id,text\n1,5" pipe\n2,say "hi" now\n',
    [
      { id: "1", text: '5" pipe' },
      { id: "2", text: 'say "hi" now' },
    ],
  ],
  ["quoted fields", "in.csv", 'id,text\n1,"a, ""b""\nc"\n', [{ id: "1", text: 'a, "b"\nc' }]],
  [
    "TSV with quotes",
    "in.tsv",
    'id\ttext\n1\t5" pipe\n2\t"quoted"\n3\t"open\n',
    [
      { id: "1", text: '5" pipe' },
      { id: "2", text: '"quoted"' },
      { id: "3", text: '"open' },
    ],
  ],
  [
    "semicolons, as a German Excel writes them",
    "in.csv",
    '\uFEFFid;text\r\n1;"a;b"\r\n2;1,50\r\n',
    [
      { id: "1", text: "a;b" },
      { id: "2", text: "1,50" },
    ],
  ],
  ["sep=, as Excel says it", "in.csv", "sep=|\r\nid|text\r\n1|a,b;c\r\n", [{ id: "1", text: "a,b;c" }]],
  ["a column without a name", "in.csv", ",text\n0,a\n", [{ column1: "0", text: "a" }]],
  ["a column called __proto__", "in.csv", "__proto__,text\nx,a\n", [JSON.parse('{"__proto__":"x","text":"a"}')]],
  ["a list of objects and texts", "in.json", '[{"text":"a","id":1.0},\n "b"]', [{ text: "a" }, { text: "b" }]],
  ["one object", "in.json", '{"text":"a"}', [{ text: "a" }]],
])("%s", async (_name, file, text, inputs) => {
  const { raw, code, stderr } = await through(file, text, "{{text}}", "--fields", "input")
  expect([stderr, code]).toEqual(["", 0])
  const lines = raw
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { input: unknown }).input)
  expect(lines).toMatchObject(inputs)
})

test("a delimiter of one's own, TSV with quoting, gzip, a gzip file that is cut", async () => {
  expect((await through("in.csv", "text^n\na,b^1\n", "{{text}}", "--delimiter", "^")).sent).toEqual(["a,b"])
  const quoted = await through("in.tsv", 'text\tn\n"a\tb"\t1\n', "{{text}}", "--format", "csv", "--delimiter", "\\t")
  expect(quoted.sent).toEqual(["a\tb"])
  const packed = gzipSync('{"text":"packed"}\n')
  expect((await through("in.jsonl.gz", packed)).sent).toEqual(["packed"])
  const cut = await through("in.jsonl.gz", packed.subarray(0, packed.length - 9))
  expect([cut.code, cut.stderr]).toEqual([2, expect.stringContaining("in.jsonl.gz: not a whole gzip file")])
})

test("keys that differ beyond what JavaScript's numbers hold are two keys; equal ones are named with both lines", async () => {
  const { code, stderr } = await through(
    "in.jsonl",
    '{"id":9007199254740993}\n{"id":1}\n{"id":9007199254740993}',
    "a",
    "--key",
    "id",
  )
  expect(code).toBe(2)
  expect(stderr).toMatch(/in\.jsonl:3: the key "9007199254740993" is also that of .*in\.jsonl:1\./)
})

test.each([
  ["blanks", (length: number) => `{{${" ".repeat(length)}`],
  ["fields", (length: number) => "{{x}}".repeat(length / 5)],
  ["letters", (length: number) => `{{"${"a".repeat(length)}`],
  ["braces", (length: number) => "{".repeat(length)],
  ["quotes", (length: number) => '{{"'.repeat(length / 3)],
])("ten times as long a template takes some ten times as long, up to a million %s", (_what, textOf) => {
  const use = (text: string): void => {
    try {
      compileTemplate(text, {}, "--prompt")({ x: 1 }, "in.jsonl:1")
    } catch (error) {
      if (!SluiceError.isInstance(error)) throw error
    }
  }
  expect(timesAsLong(use, textOf, 1_000_000)).toBeLessThan(mostTimesAsLong)
})

test("an answer that is written as a line keeps U+2028 too", async () => {
  const { out } = await through("in.txt", "a\u2028b\n")
  expect(linesOf(out)).toMatchObject([{ output: "a\u2028b" }])
})

test("a line over 256 MiB is refused with its number, before it is whole in memory", async () => {
  const packed = gzipSync(Buffer.concat([Buffer.from('{"text":"ok"}\n{"text":"'), Buffer.alloc(2 ** 28, "x")]), {
    level: 1,
  })
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.jsonl.gz"), packed)
  const { code, stderr } = await sluice(["plan", join(folder, "in.jsonl.gz"), "-p", "{{text}}", "-m", "lab:"])
  expect([code, stderr]).toEqual([2, expect.stringContaining("in.jsonl.gz:2: a line of more than 256 MiB.")])
}, 120_000)

test.each<[string, string | Buffer, readonly string[], string | undefined, object]>([
  [
    "in.csv",
    "id;text\n1;a\n",
    [],
    'csv in utf-8, columns parted by ";"',
    { format: "csv", encoding: "utf-8", delimiter: ";" },
  ],
  [
    "in.tsv",
    Buffer.from("\uFEFFtext\tn\r\na\t1\r\n", "utf16le"),
    [],
    String.raw`tsv in utf-16le, columns parted by "\t"`,
    { format: "tsv", encoding: "utf-16le", delimiter: "\t" },
  ],
  [
    "in.txt",
    Buffer.from("caf\u00e9", "latin1"),
    ["--encoding", "latin1"],
    "lines in windows-1252",
    { format: "lines", encoding: "windows-1252" },
  ],
  ["in.jsonl", '{"text":"a"}\n', [], undefined, { format: "jsonl", encoding: "utf-8" }],
])("the plan names how %s is read", async (name, bytes, more, said, read) => {
  const file = join(temporaryFolder(), name)
  writeFileSync(file, bytes)
  const args = ["plan", file, "-p", "{{text}}", "-m", "lab:", ...more]
  const { stdout } = await sluice(args)
  expect(/\nread as (.*)\n/.exec(stdout)?.[1]).toBe(said)
  expect(JSON.parse((await sluice([...args, "--json"])).stdout)).toMatchObject({ read: [read] })
})

test("an object of objects: one input, unless --format entries makes each of them one with its name", async () => {
  const folder = temporaryFolder()
  const file = join(folder, "emoji.json")
  writeFileSync(file, '{"😀":{"name":"grin","n":9007199254740993},"😃":{"name":"smile","key":"own"}}')
  const args = ["run", file, "-m", "noop:", "-o", join(folder, "out.jsonl"), "-q", "-p"]
  const { code, stderr } = await sluice([...args, "When is {{name}} used?"])
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining("There is: 😀, 😃. It is one object of 2 objects: with --format entries"),
  ])
  expect((await sluice([...args, "When is {{key}} ({{name}}) used?", "--format", "entries"])).code).toBe(0)
  expect(readFileSync(join(folder, "out.jsonl"), "utf8")).toContain(
    '"input":{"key":"😀","name":"grin","n":9007199254740993}',
  )
  expect(linesOf(join(folder, "out.jsonl"))[1]).toMatchObject({ input: { key: "own", name: "smile" } })
  writeFileSync(file, '[{"name":"grin"}]')
  const listed = [...args, "When is {{key}} ({{name}}) used?", "--format", "entries"]
  expect((await sluice(listed)).stderr).toContain("a list, not one object of objects")
})
