import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { fastClock } from "../command/fast-clock.ts"
import { sluice, temporaryFolder } from "../command/sluice.ts"
import { speakingVendor } from "../command/speaking-vendor.ts"

test("inspect --key shows prompt, answer, attempts and waits of one item", async () => {
  let refusals = 1
  const vendor = await speakingVendor(({ messages }) => {
    const said = messages.at(-1)?.content ?? ""
    if (said.includes("two") && refusals-- > 0) {
      return { status: 429, message: "slow down", headers: { "retry-after": "1" } }
    }
    return said.includes("bad") ? { status: 422, message: "no such thing" } : "fine \u001b[31m"
  })
  const folder = temporaryFolder()
  const out = join(folder, "out.jsonl")
  const inputs = [
    { id: "a-1", text: "one" },
    { id: "a-2", text: "two" },
    { id: "3", text: "bad" },
  ]
  writeFileSync(join(folder, "in.jsonl"), inputs.map((input) => `${JSON.stringify(input)}\n`).join(""))
  const prompt = ["-s", "Be {{how}}.", "--param", "how=brief", "-p", "{% if text %}Say {{text}}{% endif %}"]
  const args = ["run", join(folder, "in.jsonl"), ...prompt, ...vendor.args, "-o", out, "-q", "--key", "id"]
  expect((await sluice(args, { clock: fastClock(20) })).code).toBe(1)
  const { stdout } = await sluice(["inspect", out, "--key", "a-2"])
  expect(stdout).toContain("item a-2 (number 1): ok after 2 attempts, 5 input and 7 output tokens\n")
  // The second that the vendor named began at its answer, and each millisecond until the call waits counts for 20 of this clock.
  expect(Number(/waited (\d+) ms to be sent/.exec(stdout)?.[1])).toBeGreaterThan(500)
  expect(stdout).toMatch(/answered in \d+ ms\nby x-2026, finish reason stop\nrequest req-7\n/)
  expect(stdout).toContain(
    "[system]\nBe brief.\n\n[user]\nSay two\n\n[attempts]\nattempt 1: 429 invalid_request_error\n\n[answer]\nfine ",
  )
  expect(stdout).not.toContain("\u001b")
  const failed = (await sluice(["inspect", out, "--key", "3"])).stdout
  expect(failed).toContain("item 3 (number 2): failed after 1 attempt")
  expect(failed).toContain("[user]\nSay bad\n")
  expect(failed).toContain("[error]\nno such thing\n")
  const [json] = (await sluice(["inspect", out, "--key", "a-1", "--json"])).stdout.split("\n")
  expect(JSON.parse(json ?? "")).toMatchObject({
    key: "a-1",
    prompt: [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Say one" },
    ],
  })
  const none = await sluice(["inspect", out, "--key", "a-9"])
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('out.jsonl has no settled item "a-9".')])
})

test("an item without a key by its number", async () => {
  const folder = temporaryFolder()
  const out = join(folder, "out.jsonl")
  writeFileSync(join(folder, "in.txt"), "one\ntwo\n")
  await sluice(["run", join(folder, "in.txt"), "-p", "{{text}}", "-m", "noop:", "-o", out, "-q"])
  expect((await sluice(["inspect", out, "--key", "1"])).stdout).toContain("item 1: ok after 1 attempt")
  expect((await sluice(["inspect", out, "--key", "2"])).code).toBe(2)
})

test("diff of two runs: by their inputs, also where lines moved; exit code 1 when something differs", async () => {
  const vendor = await speakingVendor(({ messages }) => messages.at(-1)?.content ?? "")
  const folder = temporaryFolder()
  const runOf = async (name: string, lines: readonly string[], prompt: string, ...more: string[]) => {
    const out = join(folder, `${name}.out.jsonl`)
    writeFileSync(join(folder, `${name}.jsonl`), lines.map((line) => `{"id":"${line}","text":"${line}"}\n`).join(""))
    await sluice(["run", join(folder, `${name}.jsonl`), "-p", prompt, ...vendor.args, "-o", out, "-q", ...more])
    return out
  }
  const a = await runOf("a", ["x", "y", "y", "z"], "{{text}}")
  const b = await runOf("b", ["new", "x", "y", "y"], '{% if text == "x" %}otherwise{% else %}{{text}}{% endif %}')
  const { code, stdout } = await sluice(["diff", a, b])
  expect(code).toBe(1)
  expect(stdout).toContain("2 the same, 1 changed, 1 only in A, 1 only in B\n")
  expect(stdout).toMatch(/1 +│ changed +│ x +│ otherwise/)
  const lines = (await sluice(["diff", a, b, "--json"])).stdout.trimEnd().split("\n")
  const differences = lines.map((line) => JSON.parse(line) as unknown)
  expect(differences).toContainEqual({ item: "1", kind: "changed", a: "x", b: "otherwise" })
  expect(differences).toContainEqual({ item: "3", kind: "only in A", a: "z" })
  expect(differences).toContainEqual({ item: "0", kind: "only in B", b: "new" })
  expect(await sluice(["diff", a, a])).toMatchObject({
    code: 0,
    stdout: "4 the same, 0 changed, 0 only in A, 0 only in B\n",
  })
  expect((await sluice(["diff", a, join(folder, "none")])).code).toBe(2)
  const keyed = await runOf("k", ["z", "x"], "{{text}}", "--key", "id")
  const other = await runOf("l", ["x", "z"], "{{id}}!", "--key", "id")
  expect((await sluice(["diff", keyed, other])).stdout).toContain("0 the same, 2 changed, 0 only in A, 0 only in B")
})
