import { expect, test } from "vitest"
import { docExamples, exportedNames } from "./doc-examples.ts"

const index = `export { double, type Twice } from "./double.ts"
export type { Half } from "./half.ts"
export { helper } from "./helper.ts"
`
const source = `/**
 * Doubles.
 *
 * @example
 * \`\`\`ts
 * const one: Half = 1
 * double(one) // => 2
 * ;[...helper([double(2)])] // => [4]
 * double(4)
 * // => 8
 * \`\`\`
 */
export function double(n: number): number {
  return n * 2
}

/** No example. */
export const none = 1

export interface Twice {
  /**
   * @example
   * \`\`\`ts no-run
   * const helper = twice.times(3)
   * \`\`\`
   */
  times(n: number): number
}
`

test("index.ts tells values from types", () => {
  expect(Object.fromEntries(exportedNames(index))).toEqual({
    double: "value",
    Twice: "type",
    Half: "type",
    helper: "value",
  })
})

test("an example becomes a module with its imports, and its promised values become checks", () => {
  expect(docExamples("src/double.ts", source, index)).toEqual([
    {
      name: "double",
      file: "src/double.ts",
      runs: true,
      code: `import { double } from "../src/double.ts"
import { type Half } from "../src/index.ts"
import { helper } from "../src/index.ts"
const one: Half = 1
same(double(one), 2)
same([...helper([double(2)])], [4])
same(double(4), 8)`,
    },
    { name: "times", file: "src/double.ts", runs: false, code: "const helper = twice.times(3)" },
  ])
})
