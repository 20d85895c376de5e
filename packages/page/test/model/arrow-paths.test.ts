import { expect, test } from "vitest"
import { type Arrow, arrowsOf, type Box, type Edges } from "../../client/parts/arrow-paths.ts"

const box = (left: number, top: number): Box => ({ left, top, width: 100, height: 40 })

function arrows(boxes: Readonly<Record<string, Box>>, edges: Edges): readonly Arrow[] {
  return arrowsOf(new Map(Object.entries(boxes)), edges)
}

test("an arrow goes straight to the neighbour in a row, and straight down to the one below", () => {
  const edges = { a: { default: "b" } }
  expect(arrows({ a: box(0, 0), b: box(170, 0) }, edges)).toMatchObject([
    { path: "M100,20 C100,20 170,20 170,20", label: "" },
  ])
  expect(arrows({ a: box(0, 0), b: box(0, 90) }, edges)).toMatchObject([{ path: "M50,40 C50,65 50,65 50,90" }])
})

test("it swings around what stands between, back, and to the node itself", () => {
  const row = { a: box(0, 0), b: box(170, 0), c: box(340, 0) }
  const under = "M50,40 C50,69 390,69 390,40"
  expect(arrows(row, { a: { default: "c" } })).toMatchObject([{ path: under }])
  expect(arrows(row, { c: { again: "a" } })).toMatchObject([{ path: "M390,40 C390,69 50,69 50,40", label: "again" }])
  const column = { a: box(0, 0), b: box(0, 90), c: box(0, 180) }
  expect(arrows(column, { a: { skip: "c" } })).toMatchObject([{ path: "M100,20 C129,20 129,200 100,200" }])
  expect(arrows(column, { b: { again: "a" } })).toMatchObject([{ path: "M100,110 C129,110 129,20 100,20" }])
  // Around what is wider, too: its middle, three quarters of the way to the bends, is 22 pixels beside.
  const wide = { ...column, b: { ...column.b, width: 220 } }
  expect(arrows(wide, { a: { skip: "c" } })).toMatchObject([{ path: "M100,20 C289,20 289,200 100,200", labelX: 262 }])
  expect(arrows(column, { b: { again: "b" } })).toMatchObject([{ path: "M67,130 C67,160 33,160 33,130" }])
})

test("the head points where the arrow comes in; actions to one node share an arrow; to the end there is none", () => {
  const edges = { a: { default: "b", again: "b", good: null } }
  const all = arrows({ a: box(0, 0), b: box(170, 0) }, edges)
  expect(all).toEqual([
    {
      path: "M100,20 C100,20 170,20 170,20",
      head: "M170,20 L162,24 162,16 Z",
      label: "then, again",
      labelX: 135,
      labelY: 12,
    },
  ])
  expect(arrows({ a: box(0, 0) }, edges)).toEqual([])
})

test("a label stands where no other arrow goes through it", () => {
  const boxes = { a: box(0, 0), b: box(170, 0), c: box(340, 0), d: box(170, 90) }
  const label = (edges: Edges): number | undefined => arrows(boxes, edges).find((each) => each.label === "none")?.labelX
  expect(label({ a: { none: "c" } })).toBe(220)
  // Straight through its middle.
  expect(label({ a: { none: "c" }, b: { default: "d" } })).toBe(146)
})

test("a label stands beside a line that is steep, and on no node", () => {
  const [down] = arrows({ a: box(0, 0), b: box(0, 90) }, { a: { empty: "b" } })
  // The line is at 50, and half of the word is 17 wide.
  expect(down!.labelX).toBeGreaterThan(50 + 17)
  expect(down!.labelY).toBeGreaterThan(40 + 12)
  expect(down!.labelY).toBeLessThan(90)
  // To the next row, at a slant: whether above or beside, the line does not go through the word.
  const [slant] = arrows({ a: box(340, 0), b: box(0, 90) }, { a: { empty: "b" } })
  const [x1, y1, x2, y2, x3, y3, x4, y4] = slant!.path.match(/-?\d+/g)!.map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  for (let at = 0; at <= 1; at += 0.01) {
    const along = (a: number, b: number, c: number, d: number): number =>
      a * (1 - at) ** 3 + b * 3 * at * (1 - at) ** 2 + c * 3 * at ** 2 * (1 - at) + d * at ** 3
    const isBeside = Math.abs(along(x1, x2, x3, x4) - slant!.labelX) >= 17
    const y = along(y1, y2, y3, y4)
    expect(isBeside || y <= slant!.labelY - 12 || y >= slant!.labelY + 3).toBe(true)
  }
})
