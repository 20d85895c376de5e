import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeEach, describe, expect, test } from "vitest"
import { findServer } from "../../../redis/test/redis-server.ts"
import { suiteServer } from "../../../redis/test/suite-server.ts"
import { linesOf, sluice } from "../command/sluice.ts"
import { speakingVendor } from "../command/speaking-vendor.ts"
import { fileOfInputs, startRun, startSluiceWorker, until } from "./fleet.ts"

const program = findServer()

describe.skipIf(program === undefined)("what a run with workers says", () => {
  const server = suiteServer(program)
  beforeEach(() => server.restart())

  test("without a worker: how to start one", async () => {
    const { args: model, url } = await speakingVendor(() => "said")
    const { folder, args } = fileOfInputs(2, ...model, "--redis", server.url, "--workers")
    const run = startRun(args, folder)
    await until(() => /No worker makes .*: sluice worker --redis URL --base-url \S+\/v1/.test(run.said()))
    expect(run.said()).not.toContain("sluice-ask")
    const worker = await startSluiceWorker(["--redis", server.url, "--base-url", `${url}/v1`], folder)
    expect(await run.ended).toMatchObject({ code: 0 })
    worker.child.kill("SIGTERM")
    await worker.ended
  }, 60_000)

  test("a prompt or an answer that is too large: what can be done about it", async () => {
    const { args: model, url } = await speakingVendor(() => "x".repeat(300_000))
    const { folder, args, out } = fileOfInputs(1, ...model, "--redis", server.url, "--workers", "-q")
    writeFileSync(join(folder, "in.jsonl"), `{"text":"short"}\n{"text":"${"y".repeat(300_000)}"}\n`)
    const worker = await startSluiceWorker(["--redis", server.url, "--base-url", `${url}/v1`], folder)
    expect(await sluice(args, { env: {} })).toMatchObject({ code: 1 })
    const messages = linesOf(`${out}.failed.jsonl`).map(({ error }) => (error as { message: string }).message)
    expect(messages).toEqual([
      expect.stringMatching(/^The answer has more than 256 KB .*Leave out --workers, or ask for less\.$/),
      expect.stringMatching(/^The prompt has 3000\d\d bytes .*Leave out --workers, or split it\.$/),
    ])
    worker.child.kill("SIGTERM")
    await worker.ended
  }, 60_000)
})
