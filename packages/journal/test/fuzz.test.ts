import { readFileSync, writeFileSync } from "node:fs"
import { SluiceError } from "@sluice/core"
import { openJournal } from "@sluice/journal"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { checkInputs, fuzzTimeoutMs, jsonOf, oddJson, oddText } from "../../../scripts/testing/fuzz.ts"
import { exactDigits, parseExactJson } from "../src/values/exact-json.ts"
import { redactSecrets } from "../src/file/redact-secrets.ts"
import { temporaryJournal } from "./temporary.ts"

// A journal that was cut, overwritten or made by somebody else: read, or refused with its name.

const identity = { node: "n", visit: 0, params: {}, index: 0, input: "a" }

async function whole(): Promise<Buffer> {
  const path = temporaryJournal()
  const journal = openJournal({ path })
  const run = await journal.openRun({ runId: "r", flow: "f" })
  for (let index = 0; index < 20; index++) {
    await run.settle(
      { ...identity, index, input: `input ${index}` },
      { status: "ok", index, value: { text: "x".repeat(index * 20) }, attempts: 1 },
    )
  }
  await run.putNote("results", { next: 1 })
  await run.end("ok")
  await journal.close()
  return readFileSync(path)
}

async function use(path: string): Promise<void> {
  {
    await using reading = openJournal({ path, readOnly: true })
    for (const { runId } of reading.runs()) for (const item of reading.items(runId)) JSON.stringify(item)
  }
  await using writing = openJournal({ path })
  const run = await writing.openRun({ runId: "r", flow: "f" })
  run.note("results")
  run.lookup(identity)
  await run.settle({ ...identity, index: 99, input: "new" }, { status: "ok", index: 99, value: "c", attempts: 1 })
  await run.end("ok")
}

describe("fuzz: journals", () => {
  it(
    "files with bytes changed, cut off, put in or added",
    async () => {
      const original = await whole()
      const path = temporaryJournal()
      const change = fc.record({
        kind: fc.constantFrom("set", "cut", "insert", "append", "zero", "copy"),
        // The first page holds what the rest hangs on.
        at: fc.oneof(fc.nat(200), fc.nat(4_096), fc.nat(original.length - 1)),
        bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
      })
      await checkInputs(0.01, fc.array(change, { minLength: 1, maxLength: 5 }), async (changes) => {
        let content = Buffer.from(original)
        for (const { kind, at, bytes } of changes) {
          if (kind === "set")
            content.set(bytes.subarray(0, Math.max(0, content.length - at)), Math.min(at, content.length))
          else if (kind === "cut") content = content.subarray(0, at)
          else if (kind === "insert") content = Buffer.concat([content.subarray(0, at), bytes, content.subarray(at)])
          else if (kind === "append") content = Buffer.concat([content, bytes])
          else if (kind === "zero") content.fill(0, Math.min(at, content.length), Math.min(at + 100, content.length))
          else content.copyWithin(at, 4_096, 4_096 + 200)
        }
        writeFileSync(path, content)
        for (const beside of ["-wal", "-shm", "-journal"]) writeFileSync(path + beside, "")
        try {
          await use(path)
        } catch (error) {
          if (!SluiceError.isInstance(error)) throw error
          expect(error.message).toContain(path)
        }
      })
    },
    fuzzTimeoutMs,
  )

  it(
    "numbers and texts come back as they were",
    async () => {
      const json = oddJson(["a", "b", "usage"])
      await checkInputs(0.05, fc.oneof(json.map(jsonOf), oddText), (text) => {
        try {
          exactDigits(parseExactJson(text))
        } catch (error) {
          if (!(error instanceof SyntaxError) && !(error instanceof RangeError)) throw error
        }
      })
    },
    fuzzTimeoutMs,
  )

  it(
    "keys are found in any text, whatever they are",
    async () => {
      await checkInputs(
        0.05,
        fc.tuple(
          oddText,
          fc.array(
            oddText.filter((key) => key.trim().length >= 8),
            { maxLength: 3 },
          ),
        ),
        ([text, keys]) => {
          redactSecrets(text, keys)
        },
      )
    },
    fuzzTimeoutMs,
  )
})
