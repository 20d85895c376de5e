import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, expect, test } from "vitest"
import { runPair, type Setting } from "../../bench/quota/run-pair.ts"

const folder = mkdtempSync(join(tmpdir(), "sluice-referee-"))
afterAll(() => rmSync(folder, { recursive: true }))

const report = `{ timeMs: 250, answered: 3, errors: [["no patience", 17]], peakRssBytes: 1, idleRssBytes: 1, cpuSeconds: 1,
  lateMs: 0, events: {}, trace: [] }`

/** A contestant that does this when it is loaded, and once it has three answers. */
function contestant(name: string, { loaded = "", started = "" }): URL {
  const file = join(folder, `${name}.mjs`)
  const code = `
    process.once("message", ({ url }) => {
      ${loaded}
      process.on("message", async (word) => {
        if (word === "report") return process.send(${report})
        for (let call = 0; call < 3; call++) {
          const messages = [{ role: "user", content: "call " + call + ", answer with 5 tokens." }]
          await (await fetch(url + "/v1/chat/completions", { method: "POST", body: JSON.stringify({ model: "m", messages }) })).text()
        }
        ${started}
      })
      process.send("prepared")
    })`
  writeFileSync(file, code)
  return pathToFileURL(file)
}

const run = (contestantFile: URL, rest: Partial<Setting> = {}) =>
  runPair("requests-bind", { speed: 40, share: 0.01 }, "anybody", { contestantFile, ...rest })

const allLost = { calls: 20, answered: 0, lost: 20, refused: 0, isStopped: false }

test.concurrent.each([
  ["dies before it begins", { loaded: "process.exit(3)" }, /ended early \(exit code 3\)/, 0],
  ["dies in the middle", { started: 'process.kill(process.pid, "SIGKILL")' }, /ended early \(SIGKILL\)/, 1],
])("a contestant that %s has a row: all is lost, and the vendor's counts stand", async (name, does, failure, most) => {
  const row = await run(contestant(name, does))
  expect(row).toMatchObject({ ...allLost, failure: expect.stringMatching(failure) as string, ratio: NaN })
  expect(row.maxInFlight).toBe(most)
})

test.concurrent("one that says nothing when it is loaded hangs", async () => {
  const row = await run(contestant("mute", { loaded: "return setInterval(() => {}, 1_000)" }), { wordDueMs: 500 })
  expect(row).toMatchObject({ ...allLost, failure: "its process hangs" })
})

test.concurrent("one that does not even stop when told to hangs, and is killed", async () => {
  const blocks = 'process.on("message", () => { for (;;); }); process.send("prepared"); return'
  const row = await run(contestant("deaf", { loaded: blocks }), { patienceMs: () => 300, wordDueMs: 1_500 })
  expect(row).toMatchObject({ ...allLost, isStopped: expect.any(Boolean) as boolean, failure: "its process hangs" })
})

test.concurrent("one that is not done in time is stopped: what it has counts, the rest is lost", async () => {
  const row = await run(contestant("slow", {}), { patienceMs: () => 300 })
  expect(row).toMatchObject({ answered: 3, lost: 17, isStopped: true })
  expect(row.failure).toBeUndefined()
  expect(row.ratio).toBeCloseTo(250 / row.oracleMs)
})
