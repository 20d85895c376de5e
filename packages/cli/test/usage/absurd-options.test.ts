import { existsSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { sluice, temporaryFolder } from "../command/sluice.ts"
import { speakingVendor } from "../command/speaking-vendor.ts"

async function refused(args: readonly string[], files: Readonly<Record<string, string>> = {}) {
  const vendor = await speakingVendor(() => "fine")
  const folder = temporaryFolder()
  for (const [name, text] of Object.entries({ "in.txt": "one\n", ...files })) writeFileSync(join(folder, name), text)
  const before = readdirSync(folder)
  const named = args.map((word) => word.replace("$", folder))
  const { code, stderr } = await sluice([
    "run",
    join(folder, "in.txt"),
    ...vendor.args,
    ...(named.some((word) => /^(-p|--prompt)/.test(word)) ? [] : ["-p", "{{text}}"]),
    "-q",
    "-o",
    join(folder, "out.jsonl"),
    ...named,
  ])
  expect([code, vendor.heard, readdirSync(folder)]).toEqual([2, [], before])
  expect(existsSync("sluice.failed.jsonl")).toBe(false)
  // In one line, which does not repeat what commander says of the option.
  return stderr.replaceAll(folder, "$").trimEnd()
}

test.each([
  ["--rpm", "1e-9", "Wanted a number from 1 to 9007199254740991."],
  ["--rpm", "0.5", "Wanted a number from 1 to 9007199254740991."],
  ["--tpm", "1e300", "Wanted a number from 1 to 9007199254740991."],
  ["--itpm", "", "Wanted a number from 1 to"],
  ["--otpm", "NaN", "Wanted a number from 1 to"],
  ["--rpd", "Infinity", "Wanted a number from 1 to"],
  ["--timeout-s", "1e-9", "Wanted a number of seconds, 0.001 or more."],
  ["--attempts", "1e15", "Wanted a whole number from 1 to 100."],
  ["--latency-ms", "1e300", "Wanted a number from 0 to 86400000."],
  ["--token-ms", "Infinity", "Wanted a number from 0 to 86400000."],
  ["--deadline", "99999999h", "Wanted a duration such as 2h, 90m or 1h30m, at most 365d."],
  ["--deadline", `${"9".repeat(400)}s`, "at most 365d."],
  ["--stop", "", "Wanted a text; it is empty."],
  ["--attach", "", "Wanted a text; it is empty."],
  ["--assert", "", "Wanted a check; it is empty."],
  ["--prompt", "", "Wanted a text; it is empty."],
  ["--prompt", " \n", "The prompt is empty. Say what to ask, or leave it out."],
  ["--system", "", "Wanted a text; it is empty."],
  ["--key", "", "Wanted the name of a field; it is empty."],
  ["--delimiter", "", "Wanted a character; it is empty."],
  ["--redis", "", "Wanted an address; it is empty."],
  ["--base-url", "", "Wanted an address; it is empty."],
  ["--config", "", "Wanted the name of a file; it is empty."],
  ["--schema", "", "Wanted the name of a file; it is empty."],
  ["--fields", "index,,output", "Wanted names of fields, parted by commas; one of them is empty."],
  ["--retry-failed", "", "Wanted codes of failures, parted by commas; it is empty."],
  ["--option", "n=", `The value is empty. For an empty text write '""'.`],
  ["--option", "n=1e999", "It holds a number that JSON does not carry as it is (it would be Infinity)."],
  ["--option", 'n={"a":[9007199254740993]}', "(it would be 9007199254740992)."],
  ["--option", "n=NaN", `JSON has no number NaN. For the text write '"NaN"'.`],
  ["--option", "n=-Infinity", "JSON has no number -Infinity."],
])("%s %j is refused before anything is asked", async (option, value, words) => {
  expect(await refused([option, value])).toContain(words)
})

test.each([
  ["option: {n: .inf}", "option: wanted a number, got Infinity, which is none that a request can hold."],
  ["option: {n: {deep: [.nan]}}", "option: wanted a number, got NaN"],
  ["option: {n: 9007199254740993}", "option: wanted a number, got 9007199254740992"],
  ["option: {n: ''}", `The value is empty. For an empty text write '""'.`],
  ["param: {n: .inf}", "param: wanted a number, got Infinity"],
  ["temperature: .nan", "temperature: wanted a number, got NaN"],
  ["stop: ''", "Wanted a text; it is empty."],
  ["stop: [END, '']", "Wanted a text; it is empty."],
  ["system: ''", "Wanted a text; it is empty."],
  ["temperature: 0", "The prompt is empty.", ""],
])("front matter %s is refused before anything is asked", async (matter, words, prompt = "Say {{text}}") => {
  const said = await refused(["--prompt-file", "$/prompt.md"], { "prompt.md": `---\n${matter}\n---\n${prompt}` })
  expect(said).toContain(words)
})

test.each([
  ['{"limits":{"x":{"requestsPerMinute":1e-9}}}', "$/c.json: limits: x: requestsPerMinute: 1e-9 is less than one"],
  ['{"limits":{"x":{"tokensPerMinute":0.5}}}', "$/c.json: limits: x: tokensPerMinute: 0.5 is less than one"],
  ['{"limits":{"x":{"requestsPerMinute":1e999}}}', "$/c.json: limits"],
  ['{"prices":{"x":{"input":1e999,"output":1}}}', "$/c.json: prices.x.input"],
  ['{"lane":{"deadlineMs":1e999}}', "$/c.json: lane"],
])("a configuration of %s is refused before anything is asked", async (config, words) => {
  expect(await refused(["--config", "$/c.json"], { "c.json": config })).toContain(words)
})

test("what only looks odd is taken as it stands", async () => {
  const vendor = await speakingVendor(() => "fine")
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.txt"), "one\n")
  const args = ["run", join(folder, "in.txt"), "-p", "{{text}}", ...vendor.args, "-q"]
  const odd = ["--option", 'a=""', "--option", 'b="NaN"', "--option", "c=Info", "--option", "d=0.10", "--param", "e="]
  expect((await sluice([...args, ...odd, "--stop", " ", "--rpm", "1", "--model-seed", "-1"])).code).toBe(0)
  expect(vendor.heard[0]).toMatchObject({ a: "", b: "NaN", c: "Info", d: 0.1, stop: [" "], seed: -1 })
})
