/** By node: where each action leads. `null`: to the end, which is no node. */
export type Edges = Readonly<Record<string, Readonly<Record<string, string | null>>>>

/** Pixels, from the corner of the list. */
export interface Box {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

export interface Arrow {
  readonly path: string
  readonly head: string
  /** Actions; of the one that is taken unless something is said, no word. */
  readonly label: string
  readonly labelX: number
  readonly labelY: number
}

type Point = readonly [x: number, y: number]
type Curve = readonly [Point, Point, Point, Point]

// Pixels: how far an arrow to the node itself swings, how long a head is, and what stays free beside what is passed.
const swing = 30
const headLength = 8
const clearance = 22
// How large a label is about, and where along its curve it may stand, best first.
const letterWidth = 7
const [ascent, descent] = [12, 4]
// A line is not under the tail of a letter either, nor under what is left free around it.
const lift = 8
const places = [0.5, 0.35, 0.65, 0.25, 0.75]
const sides = ["above", "right", "left"] as const
const samples = 40

/** An arrow for each pair of nodes that an action joins: straight to a neighbour, else around what stands between. */
export function arrowsOf(boxes: ReadonlyMap<string, Box>, edges: Edges): Arrow[] {
  const arrows: { readonly curve: Curve; readonly label: string }[] = []
  for (const [from, exits] of Object.entries(edges)) {
    const byTarget = Map.groupBy(Object.entries(exits), ([, to]) => to)
    for (const [to, actions] of byTarget) {
      const [a, b] = [boxes.get(from), to === null ? undefined : boxes.get(to)]
      if (!a || !b) continue
      const names = actions.map(([action]) => action)
      const label = names.length === 1 && names[0] === "default" ? "" : names.map(wordOf).join(", ")
      arrows.push({ curve: route(a, b, [...boxes.values()]), label })
    }
  }
  const curves = arrows.map((each) => each.curve)
  return arrows.map(({ curve, label }) => arrow(curve, label, labelPointOf(curve, label, curves, [...boxes.values()])))
}

/** Where a label stands so that no arrow, its own neither, and no node is under it; else above the middle of its arrow. */
function labelPointOf(own: Curve, label: string, all: readonly Curve[], boxes: readonly Box[]): Point {
  const half = (label.length * letterWidth) / 2
  const passed = all.flatMap((each) => Array.from({ length: samples + 1 }, (_, at) => pointOf(each, at / samples)))
  const isFree = ([x, y]: Point): boolean =>
    !passed.some(([px, py]) => Math.abs(px - x) < half && py > y - ascent && py < y + descent) &&
    !boxes.some(
      (box) =>
        overlaps(x - half, x + half, box.left, right(box)) && overlaps(y - ascent, y + descent, box.top, bottom(box)),
    )
  const points = sides.flatMap((side) => places.map((place) => labelPoint(pointOf(own, place), side, half)))
  return (label === "" ? undefined : points.find(isFree)) ?? points[0]!
}

function pointOf([from, bend, bend2, to]: Curve, at: number): Point {
  const [a, b, c, d] = [(1 - at) ** 3, 3 * at * (1 - at) ** 2, 3 * at ** 2 * (1 - at), at ** 3]
  const along = (axis: 0 | 1): number => a * from[axis] + b * bend[axis] + c * bend2[axis] + d * to[axis]
  return [along(0), along(1)]
}

/** The middle of a label's foot: above a point of its line or, where the line is steep, beside it. */
function labelPoint([x, y]: Point, side: (typeof sides)[number], half: number): Point {
  if (side === "above") return [Math.round(x), Math.round(y) - lift]
  return [Math.round(x + (side === "right" ? 1 : -1) * (half + 6)), Math.round(y) + 4]
}

const wordOf = (action: string): string => (action === "default" ? "then" : action)
const right = (box: Box): number => box.left + box.width
const bottom = (box: Box): number => box.top + box.height
const overlaps = (from: number, to: number, from2: number, to2: number): boolean => from < to2 && from2 < to
const inRow = (a: Box, b: Box): boolean => overlaps(a.top, bottom(a), b.top, bottom(b))
const inColumn = (a: Box, b: Box): boolean => overlaps(a.left, right(a), b.left, right(b))

/** Four points of a cubic curve. */
function route(a: Box, b: Box, all: readonly Box[]): Curve {
  const others = all.filter((box) => box !== a && box !== b)
  if (a === b) {
    const under = bottom(a) + swing
    const [x1, x2] = [a.left + a.width / 3, a.left + (a.width * 2) / 3]
    return curve([x2, bottom(a)], [x2, under], [x1, under], [x1, bottom(a)])
  }
  if (inRow(a, b)) {
    const isNext =
      b.left >= right(a) && !others.some((box) => inRow(a, box) && box.left >= right(a) && right(box) <= b.left)
    if (isNext) {
      const y = (Math.max(a.top, b.top) + Math.min(bottom(a), bottom(b))) / 2
      return curve([right(a), y], [right(a), y], [b.left, y], [b.left, y])
    }
    const between = all.filter(
      (box) => inRow(a, box) && overlaps(box.left, right(box), Math.min(a.left, b.left), Math.max(right(a), right(b))),
    )
    const under = bendFor(Math.max(...between.map(bottom)), bottom(a), bottom(b))
    const [x1, x2] = [a.left + a.width / 2, b.left + b.width / 2]
    return curve([x1, bottom(a)], [x1, under], [x2, under], [x2, bottom(b)])
  }
  const isBelow = b.top >= bottom(a)
  const isBetween = others.some(
    (box) => inColumn(a, box) && (isBelow ? box.top >= bottom(a) && bottom(box) <= b.top : true),
  )
  if (inColumn(a, b) && (!isBelow || isBetween)) {
    const between = all.filter(
      (box) =>
        overlaps(box.top, bottom(box), Math.min(a.top, b.top), Math.max(bottom(a), bottom(b))) && inColumn(a, box),
    )
    const beside = bendFor(Math.max(...between.map(right)), right(a), right(b))
    const [y1, y2] = [a.top + a.height / 2, b.top + b.height / 2]
    return curve([right(a), y1], [beside, y1], [beside, y2], [right(b), y2])
  }
  const [y1, y2] = isBelow ? [bottom(a), b.top] : [a.top, bottom(b)]
  const shared = (Math.max(a.left, b.left) + Math.min(right(a), right(b))) / 2
  const [x1, x2] = inColumn(a, b) ? [shared, shared] : [a.left + a.width / 2, b.left + b.width / 2]
  const middle = (y1 + y2) / 2
  return curve([x1, y1], [x1, middle], [x2, middle], [x2, y2])
}

/** Where a curve bends to, so that its middle passes what reaches so far. */
function bendFor(reach: number, from: number, to: number): number {
  return (reach + clearance - (from + to) / 8) * (4 / 3)
}

function curve(from: Point, bend: Point, bend2: Point, to: Point): Curve {
  return [from, bend, bend2, to]
}

function arrow(own: Curve, label: string, [labelX, labelY]: Point): Arrow {
  const [from, bend, bend2, to] = own
  // Along the last piece of the curve.
  const before = bend2[0] === to[0] && bend2[1] === to[1] ? from : bend2
  const length = Math.hypot(to[0] - before[0], to[1] - before[1]) || 1
  const [dx, dy] = [((to[0] - before[0]) / length) * headLength, ((to[1] - before[1]) / length) * headLength]
  const [baseX, baseY] = [to[0] - dx, to[1] - dy]
  const points = (...all: readonly Point[]): string =>
    all.map(([x, y]) => `${Math.round(x)},${Math.round(y)}`).join(" ")
  return {
    path: `M${points(from)} C${points(bend, bend2, to)}`,
    head: `M${points(to)} L${points([baseX - dy / 2, baseY + dx / 2], [baseX + dy / 2, baseY - dx / 2])} Z`,
    label,
    labelX,
    labelY,
  }
}
