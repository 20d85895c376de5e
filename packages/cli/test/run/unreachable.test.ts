import { once } from "node:events"
import { readdirSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { dirname, join } from "node:path"
import { expect, onTestFinished, test, vi } from "vitest"
import { fastClock } from "../command/fast-clock.ts"
import { linesOf, sluice } from "../command/sluice.ts"
import { labVendor, place } from "../command/set-up.ts"

vi.setConfig({ testTimeout: 60_000 })

/** A port of this machine on which nothing listens. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
}

async function run(baseUrl: string, ...more: string[]) {
  return runTo("out.jsonl", baseUrl, ...more)
}

async function runTo(name: string, baseUrl: string, ...more: string[]) {
  const { folder } = place(30)
  const out = join(folder, name)
  const ended = await sluice(
    [
      "run",
      join(folder, "in.jsonl"),
      "-p",
      "{{text}}",
      "-m",
      "openai-compatible:x",
      "--base-url",
      baseUrl,
      "-o",
      out,
    ].concat(more),
    { clock: fastClock(20) },
  )
  const lines = ended.stderr.trimEnd().split("\n")
  // Between them may be lines of progress, on a busy machine.
  return { ...ended, out, lines, first: lines.find((line) => line.startsWith("Cannot")) }
}

test("a port on which nothing listens: said at once, and within seconds it ends the run, which goes on later", async () => {
  const port = await freePort()
  const { code, stderr, lines, first, out } = await run(`http://127.0.0.1:${port}/v1`)
  const words = `annot reach 127.0.0.1:${port}: nothing listens there (ECONNREFUSED). Start the server, or check the address (--base-url).`
  expect(first).toBe(`C${words} Unless it answers within 5 seconds, the run ends.`)
  expect([code, lines.at(-1)]).toEqual([
    3,
    expect.stringContaining(
      `Stopped: c${words} Nothing counts as failed; --keep-going would go on trying. 0 ok, 0 failed.`,
    ),
  ])
  expect(stderr.split("ECONNREFUSED")).toHaveLength(3)
  expect(stderr).not.toContain("Results:")
  // Nothing has come of it, and nothing stays.
  expect(readdirSync(dirname(out)).toSorted()).toEqual(["in.jsonl", "tmp"])
})

test("a name that no host has", async () => {
  const { code, lines, first } = await run("http://api.sluice.invalid/v1")
  expect(first).toMatch(/^Cannot reach api\.sluice\.invalid: .*\((ENOTFOUND|EAI_AGAIN)\)/)
  expect([code, lines.at(-1)]).toEqual([3, expect.stringMatching(/^Stopped: cannot reach api\.sluice\.invalid: /)])
})

test("a port that no request may go to ends the run at its first call", async () => {
  const { code, lines } = await runTo("out.csv", "http://127.0.0.1:6667/v1")
  expect([code, lines.at(-1)]).toEqual([
    3,
    expect.stringMatching(/^Stopped: cannot reach 127\.0\.0\.1:6667: no request may go to that port \(bad port\)/),
  ])
  expect(lines.join("\n")).not.toContain("Unless it answers")
})

test("https to a server that speaks http", async () => {
  const vendor = await labVendor()
  const { code, lines } = await run(`${vendor.url.replace("http:", "https:")}/v1`)
  expect([code, lines.at(-1)]).toEqual([3, expect.stringMatching(/^Stopped: .*does not speak TLS .*http:\/\//)])
})

test("a host that has answered is waited for when its network is gone for a while", async () => {
  const port = await freePort()
  let calls = 0
  const body = JSON.stringify({ choices: [{ message: { content: "yes" }, finish_reason: "stop" }] })
  const listen = async () => {
    const server = createServer((request, response) => {
      request.resume().on("end", () => {
        response.setHeader("content-type", "application/json").end(body)
        if (++calls === 3) {
          server.close(() => setTimeout(() => void listen(), 150))
          server.closeAllConnections()
        }
      })
    })
    onTestFinished(() => void server.close())
    await once(server.listen(port, "127.0.0.1"), "listening")
  }
  await listen()
  const { code, stderr, out } = await run(`http://127.0.0.1:${port}/v1`, "--concurrency", "1")
  expect(stderr).toContain(
    "(ECONNREFUSED). Start the server, or check the address (--base-url). Calls are tried again.",
  )
  expect([code, linesOf(out).length]).toEqual([0, 30])
})

test("--keep-going tries it to the end, and each failure counts its tries", async () => {
  const { folder } = place(1)
  const out = join(folder, "out.jsonl")
  const url = `http://127.0.0.1:${await freePort()}/v1`
  const asked = ["-p", "{{text}}", "-m", "openai-compatible:x", "--base-url", url, "-o", out, "--keep-going"]
  const { code } = await sluice(["run", join(folder, "in.jsonl"), ...asked], { clock: fastClock(100) })
  const [failure] = linesOf(`${out}.failed.jsonl`) as { attempts: number; error: { errors: { message: string }[] } }[]
  expect([code, failure?.attempts]).toEqual([1, 6])
  expect(failure?.error.errors.filter(({ message }) => /^attempt \d: /.test(message))).toHaveLength(6)
  expect((await sluice(["inspect", out])).stdout).toMatch(/failed\s+6/)
})
