import { exactDigits, openJournal, parseExactJson } from "@sluice/journal"
import { expect, test } from "vitest"
import { temporaryJournal } from "./temporary.ts"

const place = { node: "n", visit: 0, params: {} }

test.each([
  '{"id":9007199254740993}',
  '{"price":1.50,"list":[1.0,-0,1e5,1E+2,0.1]}',
  "123456789012345678901234567890",
  "[1e400,-1e-400]",
  '{"__proto__":-0,"text":"1.50 and 9007199254740993"}',
  '{"plain":[1,2.5,-3,null,true,"x"]}',
])("no number of %s is changed, in memory or in the journal", async (text) => {
  const value = parseExactJson(text)
  expect(JSON.stringify(value)).toBe(text)
  await using journal = openJournal({ path: temporaryJournal(), secrets: ["some secret"] })
  const run = await journal.openRun({ runId: "r", flow: "f" })
  const identity = { ...place, index: 0, input: value }
  await run.settle(identity, { status: "ok", index: 0, value: { again: value }, attempts: 1 })
  const found = run.find(identity)
  expect(JSON.stringify(run.read(found?.item ?? 0))).toContain(`"value":{"again":${text}}`)
})

test("two numbers that JavaScript takes for one are two inputs", async () => {
  await using journal = openJournal({ path: temporaryJournal() })
  const run = await journal.openRun({ runId: "r", flow: "f" })
  const input = (text: string) => ({ ...place, index: 0, input: parseExactJson(text) })
  await run.settle(input("9007199254740993"), { status: "ok", index: 0, value: 1, attempts: 1 })
  expect(run.find(input("9007199254740992"))).toBeUndefined()
  expect(run.find(input("9007199254740993"))).toBeDefined()
})

test("digits are told of numbers that were kept, and of nothing else", () => {
  const [large, small, text] = parseExactJson('[9007199254740993,1,"1.50"]') as unknown[]
  expect([large, small, text].map(exactDigits)).toEqual(["9007199254740993", undefined, undefined])
  expect(exactDigits({ rawJSON: "1" })).toBeUndefined()
  expect(() => parseExactJson('{"a":1.50')).toThrow(SyntaxError)
})
