import { execFile } from "node:child_process"
import path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { promisify } from "node:util"
import { expect, it } from "vitest"
import { scriptedServer } from "../../scripted-server.ts"

interface Ended {
  readonly ok: number
  readonly errors: readonly string[]
  readonly events: Readonly<Record<string, number>>
  readonly attempts: number
}

/** Calls from a process that may open `files` files: all at once, under a rate that asks for all of them. */
async function callsUnder(files: number, calls: number, url: string, before = ""): Promise<Ended> {
  const program = `
    import { limitedFetch } from "@sluice/providers"
    ${before}
    const events = {}
    let attempts = 0
    const fetch = limitedFetch({
      requestsPerMinute: { limit: 1e6, kind: "bucket" },
      onEvent: (event) => {
        const name = event.type === "http-attempt" ? event.decision + "/" + event.attempt : event.type
        events[name] = (events[name] ?? 0) + 1
      },
    })
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ model: "m", messages: [] }) }
    const ask = async () => (await (await fetch(process.argv[1], init)).json()).choices.length
    const ended = await Promise.allSettled(Array.from({ length: Number(process.argv[2]) }, ask))
    const errors = ended.flatMap((one) => (one.status === "rejected" ? [String(one.reason)] : []))
    console.log(JSON.stringify({ ok: ended.length - errors.length, errors: errors.slice(0, 3), events }))`
  const node = [
    process.execPath,
    "--conditions=@sluice/source",
    "--input-type=module",
    "-e",
    program,
    url,
    String(calls),
  ]
  const { stdout } = await promisify(execFile)("/bin/sh", ["-c", `ulimit -n ${files} && exec "$@"`, "sh", ...node], {
    cwd: path.join(import.meta.dirname, "../../.."),
  })
  return JSON.parse(stdout) as Ended
}

it("more calls than files that may be open: all are answered, in one attempt, and the vendor is not blamed", async () => {
  let atOnce = 0
  let mostAtOnce = 0
  const server = await scriptedServer((_n, response) => {
    mostAtOnce = Math.max(mostAtOnce, ++atOnce)
    // Longer than a busy machine takes to send a hundred.
    void sleep(300).then(() => {
      atOnce--
      response.setHeader("content-type", "application/json")
      response.end('{"choices":[{"message":{"content":"hi"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}')
    })
  })
  const { ok, errors, events } = await callsUnder(256, 1000, `${server.url}/v1/chat/completions`)
  expect([ok, errors]).toEqual([1000, []])
  expect(events["ok/1"]).toBe(1000)
  expect(Object.keys(events).filter((name) => /^(retry|wait|throttle|gate-close|limit-change)/.test(name))).toEqual([])
  expect(mostAtOnce).toBeGreaterThan(100)
  expect(mostAtOnce).toBeLessThan(256)
})

it("where other code has opened most of them, calls wait and fewer run at once", async () => {
  const server = await scriptedServer((_n, response) => {
    void sleep(30).then(() => {
      response.setHeader("content-type", "application/json")
      response.end('{"choices":[{"message":{"content":"hi"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}')
    })
  })
  const taken = `import { openSync } from "node:fs"; for (let i = 0; i < 200; i++) openSync("/dev/null")`
  const { ok, errors, events } = await callsUnder(256, 300, `${server.url}/v1/chat/completions`, taken)
  expect([ok, errors]).toEqual([300, []])
  expect(events["ok/1"]).toBe(300)
  expect(Object.keys(events).filter((name) => /^(throttle|gate-close|limit-change)/.test(name))).toEqual([])
})
