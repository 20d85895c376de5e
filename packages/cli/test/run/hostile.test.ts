import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { expect, test } from "vitest"
import { printable, printableJson } from "../../src/display/printable.ts"
import { labVendor, place } from "../command/set-up.ts"
import { linesOf, sluice, temporaryFolder } from "../command/sluice.ts"

/** Colours, a title, C1, a bell, bidi, zero-width, a tag, other line ends. */
const evil = "a\u001B[31mb\u001B]0;title\u0007c\u009B2Jd\u202Ee\u200Bf\u{E0041}g\u2028h\ri"
const steering = /[^\P{Cc}\n]|\p{Cf}|[\u2028\u2029]/u

const runOf = ({ folder, args }: ReturnType<typeof place>, out = "out.jsonl"): string[] => [
  "run",
  join(folder, "in.jsonl"),
  ...args.slice(2),
  "-o",
  join(folder, out),
]

test.each([
  ["with a line end from a file", "my-key-0123456789\r\n", (key: string) => key.trim()],
  ["with quotes and a backslash", String.raw`my"key\0123456789`, (key: string) => JSON.stringify(key).slice(1, -1)],
  ["of eight characters", "k3y-5678", (key: string) => key],
])("a key %s is neither stored nor shown, however a vendor repeats it", async (_name, key, repeated) => {
  const vendor = await labVendor({ answer: { text: `your key is ${key.trim()}, or ${repeated(key)}` } })
  const here = place(2, vendor)
  const output = (
    await Promise.all(
      [runOf(here), [...runOf(here, "b.jsonl"), "--json"]].map((args) =>
        sluice(args, { env: { SLUICE_API_KEY: key } }),
      ),
    )
  )
    .map(({ stdout, stderr }) => stdout + stderr)
    .join("")
  const files = ["out.jsonl", "out.jsonl.journal", "b.jsonl"].map((name) =>
    readFileSync(join(here.folder, name), "latin1"),
  )
  const all = [output, ...files].join("")
  expect(all).toContain("your key is [redacted]")
  for (const text of [key.trim(), repeated(key)]) expect(all).not.toContain(text)
})

test("a key that vendors repeat in errors is in no display, failure or event", async () => {
  const key = "my-very-secret-key-0123456789"
  const { createServer } = await import("node:http")
  const server = createServer((_request, response) => {
    response.writeHead(400, { "content-type": "application/json" })
    response.end(JSON.stringify({ error: { message: `bad key ${key}`, code: key, type: key } }))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as { port: number }
  const here = place(2)
  const args = [
    "run",
    join(here.folder, "in.jsonl"),
    "-p",
    "{{text}}",
    "-m",
    "openai-compatible:x",
    "--base-url",
    `http://127.0.0.1:${port}/v1`,
  ]
  for (const more of [[], ["--json"]]) {
    const out = join(here.folder, `out${more.length}.jsonl`)
    const { code, stdout, stderr } = await sluice([...args, "-o", out, ...more], { env: { SLUICE_API_KEY: key } })
    expect(code).toBe(1)
    const all = [
      stdout,
      stderr,
      readFileSync(`${out}.failed.jsonl`, "utf8"),
      readFileSync(`${out}.journal`, "latin1"),
    ].join("")
    expect(all).toContain("bad key [redacted]")
    expect(all).not.toContain(key)
  }
  server.close()
})

test("a key that is a word changes nothing, and there is a warning", async () => {
  const vendor = await labVendor({ answer: { text: "a key is required" } })
  const here = place(2, vendor)
  const { code, stderr } = await sluice(runOf(here), { env: { SLUICE_API_KEY: "required" } })
  expect([code, stderr]).toEqual([0, expect.stringContaining("SLUICE_API_KEY is too short or too common")])
  expect(linesOf(join(here.folder, "out.jsonl"))[0]).toMatchObject({ output: "a key is required" })
})

test("an input that holds the key stays as it is", async () => {
  const key = "my-very-secret-key-0123456789"
  const vendor = await labVendor()
  const here = place(1, vendor)
  writeFileSync(join(here.folder, "in.jsonl"), `${JSON.stringify({ text: `is ${key} safe?` })}\n`)
  await sluice(runOf(here), { env: { SLUICE_API_KEY: key } })
  expect(linesOf(join(here.folder, "out.jsonl"))[0]).toMatchObject({
    input: { text: `is ${key} safe?` },
    output: expect.stringContaining("[redacted]"),
  })
})

test.each([
  ["a line end inside", "abc-012345678\nx-evil: 1"],
  ["a character beyond Latin-1", "abc–0123456789"],
  ["a zero", "abc\u00000123456789"],
])("a key with %s is refused by the variable's name alone", async (_name, key) => {
  const vendor = await labVendor()
  const here = place(1, vendor)
  const { code, stderr } = await sluice(runOf(here), { env: { SLUICE_API_KEY: key } })
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/^sluice: SLUICE_API_KEY holds a character that no header can/),
  ])
  expect(stderr).not.toContain("0123456")
})

test.each([
  "http://me:hunter2@127.0.0.1:1/v1",
  "http://me@127.0.0.1:1/v1",
  "ftp://me:hunter2@127.0.0.1/v1",
  "//me:hunter2@x",
])("%s as --base-url is refused, and nothing of the password is repeated", async (address) => {
  const here = place(1)
  const { code, stderr } = await sluice([...runOf(here), "-m", "openai-compatible:x", "--base-url", address])
  expect([code, stderr]).toEqual([2, expect.stringMatching(/^sluice: --base-url/)])
  expect(stderr).not.toMatch(/hunter2|me:|me@/)
})

test("printable: one line in which nothing steers; JSON of the same meaning", () => {
  expect(printable(evil)).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u)
  expect(printable("ä 日本 🙂 é")).toBe("ä 日本 🙂 é")
  expect(printableJson({ evil, emoji: "🙂" })).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u)
  expect(JSON.parse(printableJson({ evil, emoji: "🙂" }))).toEqual({ evil, emoji: "🙂" })
})

test("the summary and what is refused are one line each, whatever a name holds", async () => {
  const here = place(1)
  const name = `out${evil}\nDone. 9 ok, 0 failed.`
  const done = await sluice(runOf(here, name))
  expect([done.code, done.stderr]).toEqual([0, expect.stringMatching(/Results: .*Done\. 9 ok, 0 failed\.\.\n$/)])
  expect(done.stderr.match(/^Done\./gm)).toHaveLength(1)
  const refused = await sluice([...runOf(here), "--prompt-file", name])
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/^sluice: .+\n$/)])
  const missing = await sluice(["run", `${name}.jsonl`, "-p", "x", "-m", "noop:"])
  expect([missing.code, missing.stderr]).toEqual([2, expect.stringMatching(/^sluice: .+\n$/)])
})

test.each(["--out", "--journal"])("an empty %s, as of a variable that is not set, is refused", async (option) => {
  const here = place(1)
  const { code, stderr } = await sluice([...here.args, option, ""])
  expect([code, stderr]).toEqual([2, expect.stringContaining("Wanted the name of a file; it is empty.")])
})

test("what vendors, inputs and names hold reaches the terminal as text only", async () => {
  const vendor = await labVendor({ answer: { text: evil } })
  const here = place(1, vendor)
  writeFileSync(join(here.folder, "in.jsonl"), `${JSON.stringify({ id: evil, text: evil })}\n`)
  const out = join(here.folder, "out.jsonl")
  const seen = [
    await sluice([...runOf(here), "--key", "id"]),
    await sluice(["plan", join(here.folder, "in.jsonl"), "-p", "{{text}}", "-m", "lab:"]),
    await sluice(["plan", join(here.folder, "in.jsonl"), "-p", "{{text}}", "-m", "lab:", "--json"]),
    await sluice(["inspect", out]),
    await sluice(["inspect", out, "--json"]),
    await sluice(["export", out]),
    await sluice(["runs", `${out}.journal`]),
    await sluice(["runs", `${out}.journal`, "--json"]),
    await sluice(["run", evil, "-p", "x", "-m", "lab:"]),
    await sluice(["run", join(here.folder, "in.jsonl"), "-p", `{{${evil}}}`, "-m", "lab:"]),
    await sluice(["inspect", out, `--${evil}`]),
    await sluice([evil]),
  ]
  for (const { stdout, stderr } of seen) {
    expect(stdout + stderr).not.toBe("")
    expect(stderr).not.toMatch(steering)
    // Tables colour nothing here.
    expect(stdout).not.toMatch(steering)
  }
})

test("cells of the CSV export that a spreadsheet would run are text", async () => {
  const vendor = await labVendor({ answer: { text: '=HYPERLINK("http://x")' } })
  const here = place(1, vendor)
  await sluice(runOf(here))
  const { stdout } = await sluice(["export", join(here.folder, "out.jsonl"), "--format", "csv"])
  expect(stdout).not.toMatch(/(^|,)"?[=+@\t\r-]/m)
})

test("one file that cannot be read hides no other", async () => {
  const here = place(1)
  await sluice(runOf(here))
  const bad = ["a.journal", "b.journal", "c.journal"].map((name) => join(here.folder, name))
  writeFileSync(bad[0] ?? "", "not a journal at all")
  mkdirSync(bad[1] ?? "")
  writeFileSync(bad[2] ?? "", readFileSync(join(here.folder, "out.jsonl.journal")))
  const database = new DatabaseSync(bad[2] ?? "")
  database.exec("CREATE VIEW v AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n")
  database.exec("UPDATE runs SET startedAtMs = 9e15")
  database.close()
  const { code, stdout, stderr } = await sluice(["runs", ...bad, join(here.folder, "out.jsonl.journal")])
  expect([code, stderr.trimEnd().split("\n").length]).toEqual([2, 3])
  expect(stdout).toContain("out.jsonl")
})

test.skipIf(process.platform === "win32")("a journal that others can read is a warning", async () => {
  const here = place(2)
  expect((await sluice(runOf(here))).stderr).not.toContain("can be opened by others")
  chmodSync(join(here.folder, "out.jsonl.journal"), 0o644)
  const { code, stderr } = await sluice(runOf(here))
  expect([code, stderr]).toEqual([0, expect.stringMatching(/out\.jsonl\.journal can be opened by others \(mode 644\)/)])
})

test.skipIf(process.platform === "win32")("a glob does not leave its folder through links unless asked", async () => {
  const folder = temporaryFolder()
  const outside = temporaryFolder()
  mkdirSync(join(folder, "docs"))
  writeFileSync(join(folder, "docs", "a.md"), "ours")
  writeFileSync(join(outside, "b.md"), "not ours")
  const plan = (...more: string[]) =>
    sluice(["plan", `${folder}/docs/**/*.md`, "-p", "{{text}}", "-m", "lab:", ...more])
  expect((await plan()).stdout).toMatch(/^1 item,/)
  symlinkSync(join(folder, "docs", "a.md"), join(folder, "docs", "same.md"))
  expect((await plan()).stdout).toMatch(/^2 items,/)
  for (const [target, link] of [
    [join(outside, "b.md"), "c.md"],
    [outside, "sub"],
  ] as const) {
    symlinkSync(target, join(folder, "docs", link))
    expect(await plan()).toMatchObject({ code: 2, stderr: expect.stringMatching(/: a link leads out of the folder/) })
    expect((await plan("--follow-links")).stdout).toMatch(/^3 items,/)
    rmSync(join(folder, "docs", link))
  }
})

test("standard output that is a terminal gets the same JSON, and nothing that steers it; a pipe gets the bytes", async () => {
  const vendor = await labVendor({ answer: { text: evil } })
  const here = place(2, vendor)
  const args = runOf(here).slice(0, -2)
  const outputs: string[] = []
  for (const isTTY of [false, true]) {
    const journal = join(here.folder, `${isTTY}.journal`)
    const { stdout } = await sluice([...args, "--journal", journal, "-q"], { isTTY })
    outputs.push(stdout)
    const { stdout: csv } = await sluice(["export", "stdout", "--journal", journal, "--format", "csv"], { isTTY })
    if (isTTY) expect(csv).not.toMatch(steering)
    else expect(csv).toContain("\u009B2J")
  }
  const [piped = "", shown = ""] = outputs
  expect(piped).toContain("\u009B2J")
  expect(shown).not.toMatch(steering)
  const read = (text: string): unknown[] =>
    text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
  expect(read(shown)).toEqual(read(piped))
})
