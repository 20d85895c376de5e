import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { startVendor } from "@sluice/lab"
import { sharedQuotas } from "@sluice/redis"
import { describe, expect, onTestFinished, test } from "vitest"
import { findOwnServer, suiteServer } from "../../../redis/test/suite-server.ts"
import { ended, sluice, startSluice, temporaryFolder } from "../command/sluice.ts"

const program = findOwnServer()

describe.skipIf(program === undefined)("quotas on Redis", () => {
  const server = suiteServer(program)

  test("sluice run --redis shares its limits; quota show tells them, quota set changes them for all", async () => {
    const vendor = await startVendor({ latency: { baseMs: 0, perOutputTokenMs: 0 }, answer: "echo" })
    const folder = temporaryFolder()
    writeFileSync(join(folder, "in.jsonl"), '{"text":"one"}\n{"text":"two"}\n')
    const args = [
      "run",
      join(folder, "in.jsonl"),
      "-p",
      "{{text}}",
      "-m",
      "openai-compatible:m",
      "--base-url",
      `${vendor.url}/v1`,
    ]
    const env = { OPENAI_COMPATIBLE_API_KEY: "k" }
    const ran = await sluice([...args, "--rpm", "600", "--redis", server.url, "-o", join(folder, "out.jsonl"), "-q"], {
      env,
    })
    expect([ran.code, ran.stderr]).toEqual([0, ""])
    expect(vendor.stats()).toMatchObject({ arrived: 2, refused: 0 })
    await vendor.stop()

    const shown = await sluice(["quota", "show", "--redis", server.url, "--json"])
    const state = JSON.parse(shown.stdout) as { tag: string; name: string; started: number; limits: unknown[] }
    expect(state).toMatchObject({ started: 2, limits: [{ name: "requestsPerMinute", told: 600, used: 600 }] })

    expect(await sluice(["quota", "set", state.tag, "requestsPerMinute=60", "--redis", server.url])).toMatchObject({
      code: 0,
      stdout: `${state.tag}: requestsPerMinute=60, for all processes from now on\n`,
    })
    const { stdout } = await sluice(["quota", "show", "--redis", server.url])
    expect(stdout).toContain(`(${state.tag}): gate open, 2 started, 0 refused`)
    expect(stdout).toMatch(/limit .* in force . told/)
    expect(stdout).toMatch(/requestsPerMinute.*60.*600/)
    const back = await sluice(["quota", "set", state.tag, "requestsPerMinute=0", "--redis", server.url])
    expect([back.code, back.stdout]).toEqual([
      0,
      `${state.tag}: requestsPerMinute as it was before it was set, for all processes from now on\n`,
    ])
  }, 60_000)

  test("quota show tells how many calls wait, by what for, and what each process holds", async () => {
    const shared = sharedQuotas({ redis: server.redis })
    const quota = shared.quota("busy", { requestsPerMinute: { limit: 60, kind: "bucket", burst: 2 } })
    const controller = new AbortController()
    for (let each = 0; each < 30; each++) void quota.admit({}, { signal: controller.signal }).catch(() => {})
    await expect.poll(async () => (await shared.read())[0]?.members[0]?.waitsFor).toBe("requestsPerMinute")
    const { stdout } = await sluice(["quota", "show", "--redis", server.url])
    expect(stdout).toMatch(/^waiting: 2\d for requestsPerMinute$/m)
    expect(stdout).toMatch(/^│ process +│ places │ dated │ waiting │ for +│ silent/m)
    controller.abort()
    await shared.close()
  }, 60_000)

  test("quota show tells by how much calls are kept further apart, where some arrived too early", async () => {
    const shared = sharedQuotas({ redis: server.redis })
    const quota = shared.quota("early", { requestsPerMinute: { limit: 600, kind: "bucket", burst: 1 } })
    const show = async (): Promise<string> => (await sluice(["quota", "show", "--redis", server.url])).stdout
    const refused = async (): Promise<void> =>
      (await quota.admit()).settle({ outcome: "throttled", reason: "rate", retryAfterMs: 40 })
    await refused() // Nothing is measured before it: what it says is how full the bucket is.
    expect(await show()).not.toContain("further apart")
    await refused()
    const early = async (): Promise<unknown> =>
      (await shared.read()).find(({ name }) => name === "early")?.limits[0]?.earlyMs
    await expect.poll(early, { timeout: 10_000 }).toBe(40)
    expect(await show()).toMatch(/^requestsPerMinute: calls are kept 40 ms further apart, as some arrived too early$/m)
    await shared.close()
  }, 60_000)

  test("quota watch says since when a Redis that stands still was not heard, beside what was known then, and goes on", async () => {
    const shared = sharedQuotas({ redis: server.redis })
    await shared.quota("watched", { requestsPerMinute: 60 }).admit()
    const child = startSluice(["quota", "watch", "--redis", server.url], temporaryFolder())
    onTestFinished(() => void child.kill("SIGKILL"))
    let [told, shown] = ["", 0]
    child.stderr.on("data", (text) => (told += String(text)))
    child.stdout.on("data", (text) => (shown += String(text).split("watched (").length - 1))
    await expect.poll(() => shown, { timeout: 20_000 }).toBeGreaterThan(0)
    process.kill(server.pid, "SIGSTOP")
    onTestFinished(() => void process.kill(server.pid, "SIGCONT"))
    await expect
      .poll(() => told, { timeout: 20_000 })
      .toMatch(/^Nothing has been heard since \d\d:\d\d:\d\d UTC: Redis has not answered for 3 s\.\n$/)
    await expect(shared.read()).rejects.toMatchObject({ code: "store-unreachable" })
    const before = shown
    process.kill(server.pid, "SIGCONT")
    await expect.poll(() => shown, { timeout: 20_000 }).toBeGreaterThan(before)
    const end = ended(child)
    child.kill("SIGINT")
    expect((await end).code).toBe(0)
    await shared.close()
  }, 90_000)

  test("what cannot be is one line and exit code 2", async () => {
    const nobody = await sluice(["quota", "show", "--redis", "redis://:secret@127.0.0.1:1"])
    expect([nobody.code, nobody.stderr]).toEqual([
      2,
      expect.stringContaining("No Redis answers at redis://127.0.0.1:1"),
    ])
    expect(nobody.stderr).not.toContain("secret")
    const odder = await sluice(["quota", "show", "--redis", "redis://:se/cr@et@127.0.0.1:1"])
    expect([odder.code, odder.stderr]).toEqual([2, expect.stringContaining("No Redis answers at redis://127.0.0.1:1:")])
    const said = async (url: string): Promise<unknown[]> => {
      const { code, stderr } = await sluice(["quota", "show", "--redis", url])
      return [code, stderr.trim()]
    }
    expect(await said(`${server.url}/three`)).toEqual([
      2,
      `sluice: --redis must end with the number of a database, as in redis://HOST:PORT/3, or with none (got "/three").`,
    ])
    expect(await said(`${server.url}/99`)).toEqual([
      2,
      `sluice: Redis has no database 99 at ${server.url}/99: ERR DB index is out of range.`,
    ])
    expect(await said("http://127.0.0.1:1")).toEqual([
      2,
      'sluice: --redis must be redis://HOST:PORT, or rediss://HOST:PORT with TLS (got "http://127.0.0.1:1").',
    ])
    expect(await said(server.url.replace("//", "//nobody:secret@"))).toEqual([
      2,
      `sluice: Redis at ${server.url} refuses the user and password: WRONGPASS invalid username-password pair or user is disabled. They stand in the address, as in redis://USER:PASSWORD@HOST:PORT, with %-codes for what is no letter or digit.`,
    ])
    const unknown = await sluice(["quota", "set", "nobody", "requestsPerMinute=1", "--redis", server.url])
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('no quota is called "nobody"')])
    const odd = await sluice(["quota", "set", "nobody", "much", "--redis", server.url])
    expect([odd.code, odd.stderr]).toEqual([2, expect.stringContaining('"much" must be LIMIT=NUMBER')])
  }, 60_000)
})
