import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, onTestFinished, test, vi } from "vitest"
import { folderOf } from "../../src/watch/announcement.ts"
import { labVendor } from "../command/set-up.ts"
import { ended, sluice, startSluice, temporaryFolder } from "../command/sluice.ts"

vi.setConfig({ testTimeout: 60_000 })

const count = 60

/** A run as a process of its own, two calls at a time; `env` is what the other commands see. */
async function running(more: readonly string[] = ["-o", "out.jsonl"], latencyMs = 100) {
  const vendor = await labVendor({ latency: { baseMs: latencyMs, perOutputTokenMs: 0 } })
  const folder = temporaryFolder()
  const env = { XDG_RUNTIME_DIR: join(folder, "runtime") }
  mkdirSync(env.XDG_RUNTIME_DIR)
  writeFileSync(join(folder, "in.jsonl"), '{"text":"a"}\n'.repeat(count))
  const model = ["-m", "openai-compatible:x", "--base-url", `${vendor.url}/v1`]
  const args = ["run", "in.jsonl", "-p", "{{text}}", ...model, ...more, "--concurrency", "2"]
  const child = startSluice(args, folder, { env })
  onTestFinished(() => void child.kill("SIGKILL"))
  const end = ended(child)
  const notes = folderOf(env)
  await vi.waitUntil(() => vendor.stats().answered > 0, { timeout: 20_000 })
  return { vendor, folder, env, child, end, notes, out: join(folder, "out.jsonl") }
}

interface Told {
  readonly pid: number
  readonly state?: { readonly total: number; readonly succeeded: number }
}

async function told(env: Record<string, string>): Promise<Told[]> {
  const { stdout, code } = await sluice(["ps", "--json"], { env })
  expect(code).toBe(0)
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Told)
}

test("ps shows what runs and how far it is, also of a run that shows nothing itself; attach follows it to its end", async () => {
  const { env, child, end, notes, out, folder } = await running(["-o", "out.jsonl", "--quiet"])
  await vi.waitUntil(async () => ((await told(env))[0]?.state?.succeeded ?? 0) > 0, { timeout: 20_000, interval: 300 })
  expect(await told(env)).toMatchObject([
    { pid: child.pid, runId: "out.jsonl", journal: `${out}.journal`, state: { total: count } },
  ])
  const table = (await sluice(["ps"], { env })).stdout.replaceAll(/ +/g, " ")
  expect(table).toMatch(/pid │ run │ done │ failed │ for │ eta │ spent │ journal/)
  expect(table).toMatch(new RegExp(`${child.pid} │ out\\.jsonl with openai-compatible:x │ \\d+/${count} │ 0 │ 0:`))
  // By its result file, its process, and as the only one.
  const attached = await Promise.all(
    [[out], [String(child.pid)], []].map((named) => sluice(["attach", ...named], { env })),
  )
  for (const { code, stdout } of attached) {
    expect(code).toBe(0)
    expect(stdout).toContain(`${count}/${count} items done, 0 failed`)
    expect(stdout.split("\n").at(-2)).toBe(`out.jsonl: ok, ${count} ok, 0 failed.`)
  }
  expect((await end).code).toBe(0)
  expect(await told(env)).toEqual([])
  expect(existsSync(notes)).toBe(false)
  expect((await sluice(["ps"], { env })).stderr).toBe("Nothing runs on this machine.\n")
  const late = await sluice(["attach", out], { env })
  expect([late.code, late.stderr]).toEqual([2, expect.stringContaining(`does not run: ok, ${count} ok, 0 failed.`)])
  expect(existsSync(folder)).toBe(true)
})

test("Ctrl-C leaves the display, not the run; a run that is killed is gone from ps, and attach says so", async () => {
  const { env, child, end, notes, out } = await running(["-o", "out.jsonl", "-q"], 1_000)
  const interrupts = new Set<() => void>()
  const attached = sluice(["attach", out], { env, interrupts })
  const followed = sluice(["attach", out], { env })
  await vi.waitUntil(() => interrupts.size > 0)
  for (const interrupt of interrupts) interrupt()
  expect(await attached).toMatchObject({ code: 0, stdout: expect.stringContaining("The run goes on.\n") as string })
  expect(child.exitCode).toBeNull()
  child.kill("SIGKILL")
  await end
  expect(await followed).toMatchObject({
    code: 130,
    stdout: expect.stringMatching(/: died: killed, or a power cut, \d+ ok, 0 failed\.\n$/) as string,
  })
  expect(readdirSync(notes)).toHaveLength(1)
  expect(await told(env)).toEqual([])
  expect(existsSync(notes)).toBe(false)
  expect((await sluice(["attach"], { env })).stderr).toContain("No run with a journal goes on.")
})

test("a run that keeps no journal is told too, without its progress", async () => {
  const { env, child } = await running([])
  expect(await told(env)).toMatchObject([{ pid: child.pid, runId: "stdout" }])
  expect((await told(env))[0]).not.toHaveProperty("state")
  expect((await sluice(["ps"], { env })).stdout).toMatch(new RegExp(`${child.pid} .* none `))
  expect((await sluice(["attach", String(child.pid)], { env })).code).toBe(2)
})

test("a folder that cannot be written stops no run", async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "in.txt"), "a\n")
  const env = { XDG_RUNTIME_DIR: join(folder, "in.txt") }
  const { code } = await sluice(["run", join(folder, "in.txt"), "-p", "{{text}}", "-m", "noop:", "-q"], { env })
  expect([code, (await sluice(["ps"], { env })).code]).toEqual([0, 0])
})

test("another process on the same --out is refused in the command's own terms", async () => {
  const { child, out, folder } = await running(["-o", "out.jsonl", "-q"], 5_000)
  const { code, stderr } = await sluice(["run", join(folder, "in.jsonl"), "-p", "{{text}}", "-m", "noop:", "-o", out])
  expect([code, stderr]).toEqual([
    2,
    `sluice: --out ${out}: process ${child.pid} is at work on it. Wait for it, watch it (sluice attach ${child.pid}), stop it, or give another --out.\n`,
  ])
})
