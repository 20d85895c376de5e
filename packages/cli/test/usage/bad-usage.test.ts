import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { expect, test } from "vitest"
import { linesOf, sluice, temporaryFolder } from "../command/sluice.ts"

/** Puts files into a folder of the test, and its path in place of `$` in the arguments. */
async function failing(files: Readonly<Record<string, string>>, args: string): Promise<string> {
  const folder = temporaryFolder()
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const { code, stderr, stdout } = await sluice(
    args.split(" ").map((word) => word.replaceAll("$", folder).replaceAll("_", " ")),
  )
  expect(code).toBe(2)
  expect(stdout).toBe("")
  return stderr.replaceAll(folder, "$")
}

const input = { "in.jsonl": '{"text":"one"}\n{"text":"two"}\n' }

test.each<[string, Readonly<Record<string, string>>, string, string]>([
  [
    "no model",
    input,
    "run $/in.jsonl -p {{text}}",
    "Give a model: --model openai:gpt-5-mini, or --model lab: to try without a key.",
  ],
  ["a model without a vendor", input, "run $/in.jsonl -p {{text}} -m gpt-5", "lab, noop; did you mean openai:gpt-5?"],
  [
    "a prompt in the place of a file",
    input,
    "run Say_{{text}} $/in.jsonl -m noop:",
    "Say {{text}}: no such file. If that is the question, give it with --prompt.",
  ],
  [
    "a vendor without a model",
    input,
    "run $/in.jsonl -p {{text}} -m openai:",
    "--model openai:: name a model after the colon",
  ],
  [
    "no key in the environment",
    input,
    "run $/in.jsonl -p {{text}} -m openai:x -o $/o",
    "--model openai:x needs the environment variable OPENAI_API_KEY.",
  ],
  [
    "no base URL",
    input,
    "run $/in.jsonl -p {{text}} -m openai-compatible:x -o $/o",
    "--model openai-compatible:x: give --base-url",
  ],
  [
    "a base URL that is none",
    input,
    "run $/in.jsonl -m openai-compatible:x -p a --base-url localhost:11434 -o $/o",
    "--base-url localhost:11434: wanted an address such as http://127.0.0.1:11434/v1.",
  ],
  [
    "a file that is no text",
    { "a.pdf": "%PDF-1.7\u0000" },
    "run $/*.pdf -m noop: -p {{text}} -o $/o",
    "/a.pdf: a PDF, not a text. --attach sends PDFs.",
  ],
  ["no prompt", input, "run $/in.jsonl -m noop:", "Give a prompt: --prompt, --prompt-file or --messages."],
  ["two prompts", input, "run $/in.jsonl -m noop: -p a --prompt-file b", "Give --prompt or --prompt-file, not both."],
  [
    "a prompt file that is missing",
    input,
    "run $/in.jsonl -m noop: --prompt-file $/nope",
    "--prompt-file $/nope: cannot be read",
  ],
  ["a brace that is not closed", input, "run $/in.jsonl -m noop: -p {{text", "the prompt: a {{ is not closed by }}."],
  ["a field without a name", input, "run $/in.jsonl -m noop: -p {{}}", "the prompt: {{}} names no field."],
  [
    "a missing field",
    { "in.jsonl": '{"text":"one"}\n{"body":"two","id":2}\n' },
    "run $/in.jsonl -m noop: -p {{text}} -o $/o",
    "$/in.jsonl:2: the prompt wants {{text}}, but there is no such field. There is: body, id.",
  ],
  ["a file that is missing", {}, "run $/nope.jsonl -m noop: -p a", "$/nope.jsonl: no such file."],
  ["a glob that fits nothing", {}, "run $/*.md -m noop: -p a", "$/*.md: no file fits."],
  ["an empty folder", {}, "run $ -m noop: -p a", "$: no file fits."],
  [
    "half a line of JSON",
    { "in.jsonl": '{"text":"one"}\n{"text":' },
    "run $/in.jsonl -m noop: -p {{text}} -o $/o",
    "$/in.jsonl:2: not a line of JSON (",
  ],
  [
    "a table that is taken for JSON lines",
    { "in.jsonl": "city,note\nParis,big\n" },
    "run $/in.jsonl -m noop: -p a -o $/o",
    "$/in.jsonl:1: not a line of JSON; for a table, give --format csv or tsv; for a text a line, --format lines (",
  ],
  [
    "a line that is no object",
    { "in.jsonl": "[1]" },
    "run $/in.jsonl -m noop: -p a -o $/o",
    "$/in.jsonl:1: wanted an object or a text, got a list.",
  ],
  [
    "JSON lines in a .json file",
    { "in.json": '{"a":1}\n{"a":2}\n' },
    "run $/in.json -m noop: -p a -o $/o",
    "$/in.json: not JSON; for a value a line, give --format jsonl",
  ],
  ["an empty list", { "in.json": "[]" }, "run $/in.json -m noop: -p a -o $/o", "There is nothing to do: $/in.json has"],
  [
    "an empty file",
    { "in.csv": "" },
    "run $/in.csv -m noop: -p a -o $/o",
    "There is nothing to do: $/in.csv has no input.",
  ],
  ["an empty .json", { "in.json": "\n" }, "run $/in.json -m noop: -p a -o $/o", "$/in.json: not JSON: it is empty."],
  [
    "an empty Parquet file",
    { "in.parquet": "" },
    "run $/in.parquet -m noop: -p a -o $/o",
    "$/in.parquet: not a Parquet file that can be read (it is empty).",
  ],
  [
    "an empty workbook",
    { "in.xlsx": "" },
    "run $/in.xlsx -m noop: -p a -o $/o",
    "$/in.xlsx: not a workbook that can be read (it is empty).",
  ],
  [
    "a table called a workbook",
    { "in.xlsx": "id,text\n1,a\n" },
    "run $/in.xlsx -m noop: -p a -o $/o",
    "$/in.xlsx: not a workbook that can be read (it begins as a text: --format says which).",
  ],
  [
    "a workbook called Parquet",
    { "in.parquet": "PK\u0003\u0004" },
    "run $/in.parquet -m noop: -p a -o $/o",
    "$/in.parquet: not a Parquet file that can be read (a workbook or another zip archive). A workbook is read with --format xlsx.",
  ],
  [
    "a workbook called a table",
    { "in.csv": "PK\u0003\u0004id,text\n1,a\n" },
    "run $/in.csv -m noop: -p a -o $/o --encoding windows-1252",
    "$/in.csv: a workbook or another zip archive, not a text. A workbook is read with --format xlsx.",
  ],
  [
    "a Parquet file called JSON lines",
    { "in.jsonl": "PAR1\n" },
    "run $/in.jsonl -m noop: -p a -o $/o",
    "$/in.jsonl: a Parquet file, not a text. It is read with --format parquet.",
  ],
  ["an empty standard input", {}, "run - -m noop: -p a -o $/o -q", "There is nothing to do: the input has no input."],
  [
    "an element of a list that is no input",
    { "in.json": '["a", 7]' },
    "run $/in.json -m noop: -p a -o $/o",
    "$/in.json[1]: wanted an object or a text, got 7.",
  ],
  [
    "two fields of one name in a line",
    { "in.jsonl": '{"text":"one"}\n{"text":"two","id":2,"text":"three"}\n' },
    "run $/in.jsonl -m noop: -p {{text}} -o $/o",
    '$/in.jsonl:2: two fields of one object are both called "text": one would be lost. Rename one of them.',
  ],
  [
    "two fields of one name, one of them in escapes, in a message of a line",
    { "in.jsonl": '{"id":1,"messages":[{"role":"user","content":"a","c\\u006fntent" : "b"}]}\n' },
    "run $/in.jsonl -m noop: -o $/o",
    '$/in.jsonl:1: two fields of one object are both called "content": one would be lost.',
  ],
  [
    "two fields of one name in a .json file",
    { "in.json": '[\n{"a":"x"},\n{"a":"{\\"a\\":1}",\n"a":2}]' },
    "run $/in.json -m noop: -p {{a}} -o $/o",
    '$/in.json:4: two fields of one object are both called "a": one would be lost.',
  ],
  [
    "two contents in --messages",
    { ...input, "m.json": '[{"role":"user",\n"content":"a","content":"b"}]' },
    "run $/in.jsonl -m noop: --messages $/m.json -o $/o",
    '--messages $/m.json:2: two fields of one object are both called "content": one would be lost.',
  ],
  [
    "limits for one model twice in the configuration",
    { ...input, "c.json": '{"limits":{"gpt-5":{"concurrency":1},"gpt-5":{"concurrency":9}}}' },
    "run $/in.jsonl -m noop: -p x --config $/c.json -o $/o",
    '$/c.json:1: two fields of one object are both called "gpt-5": one would be lost.',
  ],
  [
    "a list of messages that has a length and is none",
    { "in.jsonl": '{"messages":{"length":{"toString":1}}}\n' },
    "run $/in.jsonl -m noop: -o $/o",
    '$/in.jsonl:1: wanted "messages" to be a list of {"role", "content"}',
  ],
  [
    "two columns of one name",
    { "in.csv": "a,b,a\n1,2,3\n" },
    "run $/in.csv -m noop: -p {{a}} -o $/o",
    '$/in.csv: columns 1 and 3 are both called "a": one would be lost.',
  ],
  [
    "two columns of one name in a TSV",
    { "in.tsv": "id\ttext\ttext\n1\t2\t3\n" },
    "run $/in.tsv -m noop: -p {{text}} -o $/o",
    '$/in.tsv: columns 2 and 3 are both called "text": one would be lost. Rename one of them.',
  ],
  [
    "two columns of one name between semicolons",
    { "in.csv": "sep=;\ntext;id;text\n1;2;3\n" },
    "run $/in.csv -m noop: -p {{text}} -o $/o",
    '$/in.csv: columns 1 and 3 are both called "text"',
  ],
  [
    "a column called as one without a name would be",
    { "in.tsv": "\tcolumn1\n1\t2\n" },
    "run $/in.tsv -m noop: -p {{column1}} -o $/o",
    '$/in.tsv: columns 1 and 2 are both called "column1"',
  ],
  [
    "an encoding that is unknown",
    input,
    "run $/in.jsonl -m noop: -p a -o $/o --encoding klingon",
    "argument 'klingon' is invalid. Wanted an encoding such as utf-8",
  ],
  [
    "a line nested 20,000 deep",
    { "in.jsonl": `{"text":"ok"}\n{"deep":${"[".repeat(20_000)}${"]".repeat(20_000)}}` },
    "run $/in.jsonl -m noop: -p a -o $/o",
    "$/in.jsonl:2: nested more than 256 deep.",
  ],
  [
    "a line nested 20,000 deep with a long number",
    { "in.jsonl": `{"deep":${"[".repeat(20_000)}9007199254740993${"]".repeat(20_000)}}` },
    "run $/in.jsonl -m noop: -p a -o $/o",
    "$/in.jsonl:1: nested more than 256 deep.",
  ],
  ...["constructor", "hasOwnProperty"].flatMap((name): [string, typeof input, string, string][] => [
    [
      `a field called ${name}`,
      input,
      `run $/in.jsonl -m noop: -p {{${name}}} -o $/o`,
      `wants {{${name}}}, but there is`,
    ],
    [
      `--key ${name}`,
      input,
      `run $/in.jsonl -m noop: -p a -o $/o --key ${name}`,
      "wanted a text or a number, got nothing",
    ],
    [`--model ${name}`, input, `run $/in.jsonl -m ${name}: -p a -o $/o`, "wanted VENDOR:MODEL"],
  ]),
  [
    "--fields constructor",
    input,
    "run $/in.jsonl -m noop: -p a -o $/o --fields constructor",
    "--fields constructor: no such field.",
  ],
  [
    "a schema of a misspelt type",
    { ...input, "s.json": '{"type":"objct"}' },
    "run $/in.jsonl -m noop: -p a --schema $/s.json",
    '--schema $/s.json: not a JSON schema: /type is "objct", wanted one of "array", "boolean", "integer", "null", "number", "object", "string".',
  ],
  [
    "a schema with several faults",
    { ...input, "s.json": '{"type":"object","properties":{"a":{"type":"strng"},"b":3},"required":"a"}' },
    "run $/in.jsonl -m noop: -p a --schema $/s.json",
    '"string"; /properties/b is 3, wanted object,boolean; /required is "a", wanted array.',
  ],
  [
    "a schema with a reference to nothing",
    { ...input, "s.json": '{"properties":{"a":{"$ref":"#/$defs/town"}}}' },
    "run $/in.jsonl -m noop: -p a --schema $/s.json",
    "--schema $/s.json: not a JSON schema: can't resolve reference #/$defs/town",
  ],
  [
    "a wrapped schema that is none",
    { ...input, "s.json": '{"name":"n","strict":true,"schema":{"type":"objct"}}' },
    "run $/in.jsonl -m noop: -p a --schema $/s.json",
    "--schema $/s.json: not a JSON schema",
  ],
  [
    "a schema of a draft that nobody writes any more",
    { ...input, "s.json": '{"$schema":"http://json-schema.org/draft-04/schema#"}' },
    "run $/in.jsonl -m noop: -p a --schema $/s.json",
    "wanted 2020-12, 2019-09 or draft-07.",
  ],
  [
    "a table with a ragged row",
    { "in.csv": "a,b\n1,2\n3\n" },
    "run $/in.csv -m noop: -p {{a}} -o $/o",
    '$/in.csv:3: 1 cell ("3"), where the header names 2 (a, b).',
  ],
  ["standard input twice", {}, "run - - -m noop: -p a", "Standard input (-) can be read once."],
  [
    "an unknown field in --fields",
    input,
    "run $/in.jsonl -m noop: -p a -o $/o --fields index,nope",
    "--fields nope: no such field. There is: index, key, input, output",
  ],
  [
    "a key that is missing",
    input,
    "run $/in.jsonl -m noop: -p a -o $/o --key id",
    "$/in.jsonl:1: --key id: wanted a text or a number, got nothing.",
  ],
  [
    "two inputs with one key",
    { "in.jsonl": '{"id":1}\n{"id":2}\n{"id":1}\n' },
    "run $/in.jsonl -m noop: -p a -o $/o --key id",
    '$/in.jsonl:3: the key "1" is also that of $/in.jsonl:1.',
  ],
  [
    "two inputs with one key in two files",
    { "a.csv": "id,text\n7,x\n8,y\n", "b.jsonl": '{"id":6}\n{"id":8}\n' },
    "run $/a.csv $/b.jsonl -m noop: -p a -o $/o --key id",
    '$/b.jsonl:2: the key "8" is also that of $/a.csv:3.',
  ],
  [
    "a schema that is no JSON",
    { ...input, "s.json": "{" },
    "run $/in.jsonl -m noop: -p a --schema $/s.json",
    "--schema $/s.json: not JSON",
  ],
  [
    "a schema that is no object",
    { ...input, "s.json": "[]" },
    "run $/in.jsonl -m noop: -p a --schema $/s.json",
    "--schema $/s.json: wanted a JSON schema, an object.",
  ],
  [
    "messages of another shape",
    { ...input, "m.json": '[{"role":"king"}]' },
    "run $/in.jsonl -m noop: --messages $/m.json",
    '--messages $/m.json: wanted a list of {"role", "content"}; 0.role',
  ],
  [
    "a configuration that is missing",
    input,
    "run $/in.jsonl -m noop: -p a --config $/c.json",
    "--config $/c.json: no such file.",
  ],
  [
    "a configuration with a typo",
    { ...input, "c.json": '{"modle":"noop:"}' },
    "run $/in.jsonl -p a --config $/c.json",
    '$/c.json: the file: Unrecognized key: "modle".',
  ],
  [
    "a limit that is unknown",
    { ...input, "c.json": '{"model":"lab:","limits":{"*":{"requestsPerMinit":3}}}' },
    "run $/in.jsonl -p a --config $/c.json -o $/o",
    '$/c.json: limits["*"]: unknown option "requestsPerMinit". Did you mean "requestsPerMinute"?',
  ],
  [
    "a limit of the configuration that is no number",
    { ...input, "c.json": '{"model":"lab:","limits":{"*":{"requestsPerMinute":"many"}}}' },
    "run $/in.jsonl -p a --config $/c.json -o $/o",
    '$/c.json: limits["*"]: requestsPerMinute must be a number above 0 (got "many").',
  ],
  [
    "a configuration without a default export",
    { ...input, "c.mjs": "export const model = 'lab:'" },
    "run $/in.jsonl -p a --config $/c.mjs -o $/o",
    "$/c.mjs: cannot be read (there is no default export; write `export default",
  ],
  [
    "a limit that is no number",
    input,
    "run $/in.jsonl -m noop: -p a --rpm many",
    "--rpm <n>' argument 'many' is invalid. Wanted a number from 1 to 9007199254740991.",
  ],
  [
    "a lane that is unknown",
    input,
    "run $/in.jsonl -m lab: -p a --lane fast",
    "'--lane <lane>' argument 'fast' is invalid. Allowed choices are online, batch, auto.",
  ],
  [
    "a lane without a deadline",
    input,
    "run $/in.jsonl -m lab: -p a --lane auto",
    "--lane auto: say when everything has to be done, for example --deadline 2h.",
  ],
  [
    "a deadline in a lane that has none",
    input,
    "run $/in.jsonl -m lab: -p a --lane batch --deadline 2h",
    "--deadline goes with --lane auto (the vendor's batches while there is time, then online) or --lane online.",
  ],
  [
    "a deadline that is no duration",
    input,
    "run $/in.jsonl -m lab: -p a --lane auto --deadline 2hours",
    "argument '2hours' is invalid. Wanted a duration such as 2h, 90m or 1h30m.",
  ],
  [
    "a lane that the vendor does not have",
    input,
    "run $/in.jsonl -m noop: -p a --lane batch",
    "The batch lane: noop: has no batch API. Give --lane online.",
  ],
  [
    "a budget for a model whose price is not known",
    input,
    "run $/in.jsonl -m openai-compatible:x -p a --budget-usd 3",
    "The budget cannot be kept: the price of x is not known. Put it into sluice.config.json",
  ],
  [
    "a budget of the configuration for such a model",
    { ...input, "c.json": '{"model":"openai-compatible:x","limits":{"x*":{"budgetUsd":3}}}' },
    "plan $/in.jsonl -p a --config $/c.json",
    "The budget cannot be kept: the price of x is not known.",
  ],
  [
    "a lane of the configuration that is unknown",
    { ...input, "c.json": '{"model":"lab:","lane":"auto"}' },
    "run $/in.jsonl -p a --config $/c.json",
    '$/c.json: lane: wanted "online", "batch" or { deadlineMs }.',
  ],
  [
    "a check that is none",
    input,
    "run $/in.jsonl -m noop: -p a --assert good",
    "--assert good: wanted one of contains,",
  ],
  [
    "a check of nothing",
    input,
    "run $/in.jsonl -m noop: -p a --assert contains",
    "--assert contains: contains what? Put both in quotes, as one word: --assert 'contains yes'.",
  ],
  [
    "a check that the shell has parted",
    input,
    "run $/in.jsonl -m noop: -p a --assert matches ^yes",
    "--assert matches: matches what? Put both in quotes, as one word: --assert 'matches ^(yes|no)$'.",
  ],
  [
    "a check that is no pattern",
    input,
    "run $/in.jsonl -m noop: -p a --assert matches=(",
    "--assert matches=(: wanted one of",
  ],
  ["a check in no file", input, "run $/in.jsonl -m noop: -p a --assert $/none.ts", "none.ts: no such file."],
  ["a key that no input has", input, "run $/in.jsonl -m noop: -p a --only 99", "--only 99: there is no input of "],
  ["a param without a value", input, "run $/in.jsonl -m noop: -p a --param x", "Wanted name=value."],
  [
    "a condition that is none",
    input,
    "run $/in.jsonl -m noop: -p a --where text",
    "Wanted field=value or field!=value, and no other comparison.",
  ],
  ...["text==one", "text>=1", "text~=o", "text!==o"].map((condition): [string, typeof input, string, string] => [
    `the condition ${condition}`,
    input,
    `run $/in.jsonl -m noop: -p a --where ${condition}`,
    "Wanted field=value or field!=value, and no other comparison.",
  ]),
  [
    "a condition on a field that no input has",
    input,
    "run $/in.jsonl -m noop: -p a --where tetx=one -o $/o",
    '--where tetx: none of 2 inputs has such a field. Did you mean "text"? The first has: text.',
  ],
  [
    "a code that no failure has",
    input,
    "run $/in.jsonl -m noop: -p a -o $/o --retry-failed 500,answer-truncatd",
    'No failure has the code answer-truncatd. Did you mean "answer-truncated"?',
  ],
  ...["score_>>_3", "score_==_3", "score_=>_3", "score_3", "score_~_3"].map(
    (check): [string, typeof input, string, string] => [
      `the check json ${check}`,
      input,
      `run $/in.jsonl -m noop: -p a -o $/o --assert json_${check}`,
      `--assert json ${check.replaceAll("_", " ")}: wanted a place, or a place, one of = != >= <= > < and a value: 'json score >= 3'.`,
    ],
  ),
  [
    "a check that compares with no number",
    input,
    "run $/in.jsonl -m noop: -p a -o $/o --assert json_score_>=_three",
    '--assert json score >= three: >= compares numbers, and "three" is none.',
  ],
  [
    "a setting that is said twice",
    input,
    "run $/in.jsonl -m noop: -p a -o $/o --temperature 0 --option temperature=1",
    "--temperature and --option temperature say the same thing. Give one of them.",
  ],
  [
    "the same for another vendor, and inside an object",
    input,
    'run $/in.jsonl -m noop: -p a -o $/o --max-output-tokens 9 --option generationConfig={"maxOutputTokens":7}',
    "--max-output-tokens and --option maxOutputTokens say the same thing. Give one of them.",
  ],
  [
    "a model called constructor",
    input,
    "run $/in.jsonl -m constructor -p a",
    "--model constructor: wanted VENDOR:MODEL",
  ],
  ["an unknown option", input, "run $/in.jsonl -m noop: -p a --modell x", "unknown option '--modell'"],
  ["an unknown command", {}, "rum", "unknown command 'rum'"],
  [
    "an output in a folder that is missing",
    input,
    "run $/in.jsonl -m noop: -p a -o $/no/such/o",
    "Cannot write --out $/no/such/o: there is no folder $/no/such. Create it first: mkdir -p $/no/such",
  ],
  [
    "a journal in a folder that is missing",
    input,
    "run $/in.jsonl -m noop: -p a -o $/o --journal $/no/such/j",
    "Cannot write --journal $/no/such/j: there is no folder $/no/such.",
  ],
  [
    "a quote that is never closed",
    { "in.csv": 'a,b\n1,2\n3,"4\n5,6\n' },
    "run $/in.csv -m noop: -p {{a}} -o $/o",
    "$/in.csv:3: a cell of the row that begins here has an opening quote and no closing one.",
  ],
  [
    "a row with a cell too many, in a table with a head of Excel's",
    { "in.csv": "sep=;\na;b\n1;2;3\n" },
    "run $/in.csv -m noop: -p {{a}} -o $/o",
    '$/in.csv:3: 3 cells ("1", "2", "3"), where the header names 2 (a, b). A cell that holds ";" or a line end stands in quotes.',
  ],
  [
    "a journal of another kind",
    { ...input, j: "not a journal, by any means" },
    "run $/in.jsonl -m noop: -p a -o $/o --journal $/j",
    "$/j is not a journal",
  ],
  [
    "an output that is not ours",
    { ...input, o: "my thesis\n" },
    "run $/in.jsonl -m noop: -p a -o $/o",
    "$/o exists and is not the result of a run recorded in its journal.",
  ],
  [
    "a run that is unknown",
    {},
    "inspect nope.jsonl",
    "There is no journal nope.jsonl.journal. Name it: --journal FILE",
  ],
  [
    "an input for a run that was never made",
    input,
    "diff $/in.jsonl $/in.jsonl",
    "There is no journal $/in.jsonl.journal. Name it: --journal FILE",
  ],
  ["a process that is none", {}, "attach 999999999", "There is no process 999999999 that carries out a run."],
  ["no run", {}, "inspect", "Name a run: its result file, or --journal FILE."],
  [
    "a port that there is none of",
    {},
    "lab --port 99999",
    "argument '99999' is invalid. Wanted a port from 1 to 65535, or 0 for one that is free.",
  ],
  ["a flow that is missing", {}, "graph $/flow.ts", "$/flow.ts: no such file."],
  [
    "a module without a flow",
    { "flow.ts": "export const x = 1" },
    "graph $/flow.ts",
    "$/flow.ts exports no flow. Flows it exports: none.",
  ],
])("%s", async (_name, files, args, message) => {
  const stderr = await failing(files, args)
  expect(stderr).toContain(message)
  // One line; commander may add a suggestion of its own.
  expect(
    stderr
      .trimEnd()
      .split("\n")
      .filter((line) => !line.startsWith("(Did you mean")),
  ).toHaveLength(1)
})

test.each([
  ["-p", "{{__proto__}}", "wants {{__proto__}}, but there is no such field. There is: text."],
  ["--key", "__proto__", "--key __proto__: wanted a text or a number, got nothing."],
  ["--fields", "__proto__", "--fields __proto__: no such field."],
  ["-m", "__proto__:", "wanted VENDOR:MODEL"],
])("%s %s is a name like any other", async (option, value, message) => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.jsonl"), input["in.jsonl"])
  const args = ["run", join(folder, "in.jsonl"), "-m", "noop:", "-p", "a", "-o", join(folder, "o"), option, value]
  const { code, stderr } = await sluice(args)
  expect([code, stderr]).toEqual([2, expect.stringContaining(message)])
})

test("what is wrong with the input is found before anything is spent or written", async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.jsonl"), `${'{"text":"a"}\n'.repeat(500)}oops`)
  const { code } = await sluice([
    "run",
    join(folder, "in.jsonl"),
    "-p",
    "{{text}}",
    "-m",
    "noop:",
    "-o",
    join(folder, "o"),
  ])
  expect(code).toBe(2)
  expect(existsSync(join(folder, "o"))).toBe(false)
})

test("a command that is refused leaves the record of an earlier run as it was", async () => {
  const folder = temporaryFolder()
  const [file, out] = [join(folder, "in.jsonl"), join(folder, "o")]
  writeFileSync(file, input["in.jsonl"])
  const run = (...more: string[]) => sluice(["run", file, "-o", out, "-q", "-m", "noop:", ...more])
  const runs = async () => (await sluice(["runs", `${out}.journal`, "--json"])).stdout
  expect((await run("-p", "{{text}}")).code).toBe(0)
  const before = await runs()
  expect(before).toContain('"status":"ok"')
  expect((await run("-p", "another")).code).toBe(2)
  expect((await run("-p", "another", "-m", "openai:x", "--accept-changes")).code).toBe(2)
  expect((await run("-p", "{{nope}}", "--accept-changes")).code).toBe(2)
  expect(await runs()).toBe(before)
  // Nor is another question taken for the run's own.
  expect((await run("-p", "{{text}}")).code).toBe(0)
  expect((await sluice(["run", file, "-p", "{{nope}}", "-m", "noop:", "-o", join(folder, "new")])).code).toBe(2)
  expect((await sluice(["runs", join(folder, "new.journal"), "--json"])).stdout).toBe("")
})

test("an output that is not ours is left as it was", async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.jsonl"), input["in.jsonl"])
  writeFileSync(join(folder, "o"), "my thesis\n")
  await sluice(["run", join(folder, "in.jsonl"), "-p", "a", "-m", "noop:", "-o", join(folder, "o")])
  expect(readFileSync(join(folder, "o"), "utf8")).toBe("my thesis\n")
})

test.each([
  ["nothing", ""],
  ["a line that is none", "{"],
  ["a line without the field of the prompt", '{"id":1}\n'],
])("%s on standard input leaves no results and no journal behind", async (_what, stdin) => {
  const folder = temporaryFolder()
  const args = ["run", "-", "-p", "{{text}}", "-m", "noop:", "-o", join(folder, "out.jsonl"), "-q"]
  expect((await sluice(args, { stdin })).code).toBe(2)
  expect(readdirSync(folder)).toEqual([])
})

test("on standard input, what came before a bad line is done; the error names the line", async () => {
  const folder = temporaryFolder()
  const out = join(folder, "o")
  const { code, stderr } = await sluice(["run", "-", "-p", "{{text}}", "-m", "noop:", "-o", out, "-q"], {
    stdin: '{"text":"a"}\n{"text":"b"}\nnot json\n',
  })
  expect(code).toBe(2)
  expect(stderr).toMatch(/^sluice: standard input:3: not a line of JSON/)
  expect(linesOf(out)).toHaveLength(2)
})

test("a journal of a newer version, and one that another process holds", async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.jsonl"), input["in.jsonl"])
  const out = join(folder, "o")
  const args = ["run", join(folder, "in.jsonl"), "-p", "a", "-m", "noop:", "-o", out, "-q"]
  expect((await sluice(args)).code).toBe(0)
  const change = (sql: string): void => {
    const database = new DatabaseSync(`${out}.journal`)
    database.exec(sql)
    database.close()
  }
  change(`UPDATE runs SET writer = '{"pid":1,"startedAt":"1","host":"elsewhere.test"}'`)
  const locked = await sluice(args)
  expect(locked.code).toBe(2)
  expect(locked.stderr).toMatch(/being written by process 1 on elsewhere\.test/)
  expect((await sluice([...args, "--take-over"])).code).toBe(0)
  change("PRAGMA user_version = 99")
  expect((await sluice(args)).stderr).toMatch(/written by a newer Sluice/)
})

test("a result file in the place of a folder", async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.jsonl"), input["in.jsonl"])
  mkdirSync(join(folder, "o"))
  const { code, stderr } = await sluice([
    "run",
    join(folder, "in.jsonl"),
    "-p",
    "a",
    "-m",
    "noop:",
    "-o",
    join(folder, "o"),
  ])
  expect([code, stderr.trimEnd().split("\n").length]).toEqual([2, 1])
})

test.each([
  ["resume", "(A run goes on when its `sluice run` command is given again;"],
  ["status", "(`sluice ps` shows what runs,"],
])("sluice %s is no command: which one it is is told", async (word, hint) => {
  const { code, stderr } = await sluice([word, "out.jsonl"])
  expect(code).toBe(2)
  expect(stderr).toContain(`unknown command '${word}'`)
  expect(stderr).toContain(`\n${hint}`)
})

test("sluice constructor is a word that says nothing", async () => {
  expect(await sluice(["constructor"])).toMatchObject({ code: 2, stderr: "sluice: unknown command 'constructor'\n" })
})
