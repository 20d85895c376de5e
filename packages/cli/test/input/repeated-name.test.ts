import fc from "fast-check"
import { expect, test } from "vitest"
import { mostTimesAsLong, timesAsLong } from "../../../../scripts/testing/linear.ts"
import { refuseRepeated } from "../../src/files/repeated-name.ts"

const refusalOf = (text: string): string => {
  try {
    refuseRepeated(text, String)
    return ""
  } catch (error) {
    return (error as Error).message
  }
}

test("whatever JSON.stringify writes has no name twice, and has one as soon as a field is written again", () => {
  const name = fc.oneof(fc.string(), fc.constantFrom('"', "\\", '\\"', "__proto__", ":", "{", "a"))
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(fc.string(), name, fc.integer(), fc.array(tie("value")), fc.dictionary(name, tie("value"))),
  }))
  fc.assert(
    fc.property(name, value, value, (field, first, second) => {
      const [key, one, two] = [field, first, second].map((part) => JSON.stringify(part))
      expect(refusalOf(`[{${key} : ${one}}, {${key}:${two}}]`)).toBe("")
      expect(refusalOf(`[${one},\n{${key}:${one}, "other":${two},\t${key} :${two}}]`)).toContain(
        `2: two fields of one object are both called ${key}:`,
      )
    }),
    { seed: 1, numRuns: 500 },
  )
})

test.each([
  ['"a\\"', '["', '"]'],
  ["\\\\", '["', '"]'],
  ['{"a":', "", "1"],
  [" ", '{"a"', ":1}"],
  ['"a" ,', "[", "1]"],
])("%j as often as a megabyte holds it takes time as its length", (piece, head, tail) => {
  const textOf = (length: number): string => head + piece.repeat(length / piece.length) + tail
  expect(timesAsLong(refusalOf, textOf, 1_000_000)).toBeLessThan(mostTimesAsLong)
})
