import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { linesOf, sluice, temporaryFolder } from "../command/sluice.ts"
import { speakingVendor } from "../command/speaking-vendor.ts"

async function setUp(lines: readonly unknown[], prompt: readonly string[] = ["-p", "{{id}}"]) {
  const vendor = await speakingVendor(({ messages }) => messages.at(-1)?.content ?? "")
  const folder = temporaryFolder()
  const out = join(folder, "out.jsonl")
  writeFileSync(join(folder, "in.jsonl"), lines.map((line) => `${JSON.stringify(line)}\n`).join(""))
  const args = ["run", join(folder, "in.jsonl"), ...prompt, ...vendor.args, "-o", out, "-q"]
  const run = async (...more: string[]) => {
    const { code, stderr } = await sluice([...args, ...more])
    return { code, stderr, ids: linesOf(out).map(({ output }) => output) }
  }
  return { ...vendor, run, folder, args }
}

const numbered = Array.from({ length: 20 }, (_, id) => ({ id, lang: id % 2 ? "de" : "en", n: 1.5 }))

test("the first few, then all: what was answered is not asked again, and the results are those of the choice", async () => {
  const { run, heard } = await setUp(numbered)
  expect((await run("--limit", "3")).ids).toEqual(["0", "1", "2"])
  expect((await run("--skip", "2", "--limit", "2")).ids).toEqual(["2", "3"])
  expect(heard).toHaveLength(4)
  expect((await run()).ids).toHaveLength(20)
  expect(heard).toHaveLength(20)
})

test("by a field, equal or not, more than one", async () => {
  const { run } = await setUp(numbered)
  expect((await run("--where", "lang = de", "--limit", "3")).ids).toEqual(["1", "3", "5"])
  expect((await run("--where", "lang!=de", "--where", "id != 0", "--limit", "2")).ids).toEqual(["2", "4"])
  expect((await run("--where", "n=1.5", "--limit", "1")).ids).toEqual(["0"])
  const { code, stderr } = await run("--where", "town=x")
  expect([code, stderr]).toEqual([2, expect.stringContaining("--where town: none of 20 inputs has such a field.")])
  expect((await run("--where", "lang=fr")).stderr).toContain("There is nothing to do")
})

test("what is left after each option is told where that is nothing, also of standard input", async () => {
  const { run } = await setUp(numbered)
  const told = async (...more: string[]): Promise<string> => (await run(...more)).stderr
  const nothing = "There is nothing to do: 20 inputs were read, and of these are left"
  expect(await told("--where", "lang = fr")).toContain(`${nothing} 0 after --where lang=fr (the first has lang=en).`)
  expect(await told("--where", "lang!=fr", "--where", "id = 99", "--skip", "3", "--limit", "2")).toContain(
    `${nothing} 20 after --where lang!=fr, 0 after --where id=99 (the first has id=0).`,
  )
  expect(await told("--only", "1", "3", "--where", "lang=de", "--skip", "2", "--sample", "9")).toContain(
    `There is nothing to do: 4 inputs were read, and of these are left 2 after --only, 2 after --where lang=de, 0 after --skip 2.`,
  )
  const piped = ["run", "-", "-p", "x", "-m", "noop:", "-q", "--skip", "1"]
  expect((await sluice(piped, { stdin: '{"id":1}\n' })).stderr).toContain(
    "There is nothing to do: 1 input was read, and of these are left 0 after --skip 1.",
  )
})

test("an input without the field does not match, whatever is wanted, and how many those are is told", async () => {
  const mixed = [{ id: 0, lang: "de" }, { id: 1 }, { id: 2, lang: "en" }, { id: 3 }, { id: 4, lang: null }]
  const { run, args } = await setUp(mixed)
  expect((await run("--where", "lang = de")).ids).toEqual(["0"])
  expect((await run("--where", "lang != de")).ids).toEqual(["2", "4"])
  const words = "--where lang: 2 of 5 inputs have no such field, and are left out."
  expect((await sluice([...args.slice(0, -1), "--where", "lang != de"])).stderr).toContain(words)
  const plan = (...more: string[]) => sluice(["plan", ...args.slice(1), "--where", "lang = de", ...more])
  expect((await plan()).stdout).toContain(`\n! ${words}\n`)
  expect(JSON.parse((await plan("--json")).stdout)).toMatchObject({ calls: 1, warnings: [words] })
})

test("only some, by their number or their key; what is not there is told before anything is asked", async () => {
  const lines = numbered.map((line) => ({ ...line, id: `k ${line.id}` }))
  expect((await (await setUp(lines)).run("--only", "3", "7")).ids).toEqual(["k 3", "k 7"])
  const { run, heard } = await setUp(lines)
  expect((await run("--key", "id", "--only", "k 7", "--only", "k 5")).ids).toEqual(["k 5", "k 7"])
  const asked = heard.length
  const { code, stderr } = await run("--key", "id", "--only", "k 5", "k 99")
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining("--only k 99: there is no input whose id that is among 20."),
  ])
  const parted = await run("--key", "id", "--only", "k 5,k 7")
  expect(parted.stderr).toContain("Names are parted by spaces")
  expect((await run("--key", "id", "--only", "k 5,k 99")).stderr).not.toContain("parted")
  expect((await (await setUp(lines)).run("--only", "3,7")).stderr).toContain("Names are parted by spaces: --only 3 7\n")
  expect(heard).toHaveLength(asked)
})

test("a sample is the same for the same seed, in the order of the input, and every input gets its turn", async () => {
  const { run } = await setUp(numbered)
  const first = (await run("--sample", "5", "--seed", "7")).ids.map(Number)
  expect(first).toHaveLength(5)
  expect(first).toEqual(first.toSorted((a, b) => a - b))
  expect((await run("--sample", "5", "--seed", "7")).ids.map(Number)).toEqual(first)
  const seen = new Set<number>()
  for (const seed of [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13]) {
    for (const id of (await run("--sample", "5", "--seed", String(seed))).ids) seen.add(Number(id))
  }
  expect(seen.size).toBe(20)
  expect((await run("--sample", "50")).ids).toHaveLength(20)
})

test("inputs that bring their own messages", async () => {
  const messages = [
    { role: "user", content: "Where is {{x}}?" },
    { role: "assistant", content: "There." },
    { role: "user", content: "Sure?" },
  ]
  const { run, heard } = await setUp([{ messages }], ["--system", "be brief"])
  expect((await run()).code).toBe(0)
  expect(heard[0]?.messages).toEqual([{ role: "system", content: "be brief" }, ...messages])
  const bad = await setUp([{ messages: [{ role: "king", content: "x" }] }], [])
  expect((await bad.run()).stderr).toMatch(
    /in\.jsonl:1: wanted "messages" to be a list of \{"role", "content"\}; 0\.role/,
  )
})

const hasJq = spawnSync("jq", ["--version"]).status === 0

/** What the line of jq in the command's own words makes of a record; not looked at where there is no jq. */
function expectByJq(words: string, record: unknown, wanted: object): void {
  const [, filter] = /jq -c '([^']+)'/.exec(words) ?? []
  expect(filter).toBeDefined()
  if (!hasJq) return
  const made = spawnSync("jq", ["-c", filter!], { input: JSON.stringify(record), encoding: "utf8" })
  expect(JSON.parse(made.stdout)).toMatchObject(wanted)
}

const said = (role: string, content: string) => ({ role, content })
const asked = [said("system", "Be brief."), said("user", "Where?")]
const answered = { messages: [...asked, said("assistant", "There.")] }

test("messages that have their answer already: the plan, the run and the same command again say how many, and how to cut it off", async () => {
  const { args } = await setUp([answered, { messages: asked }, answered], [])
  const words = '2 of 3 inputs have "messages" that end with an answer of the assistant'
  const plan = await sluice(["plan", ...args.slice(1, -1)])
  expect(plan.stdout).toContain(`! ${words}`)
  for (const time of [1, 2])
    expect([time, (await sluice(args.slice(0, -1))).stderr]).toEqual([time, expect.stringContaining(words)])
  const piped = ["run", "-", ...args.slice(2, -3)]
  const { stderr } = await sluice(piped, { stdin: `${JSON.stringify(answered)}\n`.repeat(2) })
  expect(stderr.match(/has "messages" that end/g)).toHaveLength(1)
  expectByJq(stderr, answered, { messages: asked })
  expectByJq(stderr, { messages: asked }, { messages: asked })
  const cut = await setUp([{ messages: asked }], [])
  expect((await sluice(cut.args.slice(0, -1))).stderr).not.toContain('"messages"')
})

test("a prompt in place of the inputs' own messages is told, unless it names them", async () => {
  const { args } = await setUp([{ ...answered, id: 1 }, { id: 2 }])
  const words = '1 of 2 inputs has "messages" that are not sent: the prompt takes their place.'
  expect((await sluice(["plan", ...args.slice(1, -1)])).stdout).toContain(`! ${words}`)
  expect((await sluice(args.slice(0, -1))).stderr).toContain(words)
  expect((await sluice([...args, "--show", "2"])).stderr).toContain(words)
  const naming = await setUp([answered], ["-p", "{{messages}}"])
  expect((await sluice(naming.args.slice(0, -1))).stderr).not.toContain("not sent")
})

test.each([
  [
    "conversations",
    [
      { from: "system", value: "Be brief." },
      { from: "human", value: "Where?" },
      { from: "gpt", value: "There." },
    ],
  ],
  ["dialog", answered.messages],
])(
  "a conversation called %s is refused by that name, with the line of jq that makes messages of it",
  async (name, list) => {
    const { run } = await setUp([{ [name]: list }], [])
    const { code, stderr } = await run()
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining(`has no "messages" of its own. It has a list "${name}" of {`),
    ])
    expectByJq(stderr, { [name]: list }, answered)
  },
)
