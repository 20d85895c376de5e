import type { JSX } from "preact"
import type { Mark } from "../../src/wire.ts"
import { markColors } from "./chart.tsx"

const words: readonly (readonly [kind: Mark["kind"], words: string])[] = [
  ["gate", "all calls had to wait"],
  ["refused", "refused"],
  ["limit", "a limit was learned"],
  ["control", "a hand on the run"],
  ["warning", "a warning"],
]

/** What the bands and marks in the charts are, of those that there are. */
export function MarkLegend({ marks }: { marks: readonly Mark[] }): JSX.Element | null {
  const kinds = new Set(marks.map(({ kind }) => kind))
  if (kinds.size === 0) return null
  return (
    <ul class="legend marked" aria-label="Bands and marks in the charts">
      {words
        .filter(([kind]) => kinds.has(kind))
        .map(([kind, says]) => (
          <li key={kind}>
            <span
              class={kind === "gate" ? "band" : "triangle"}
              style={{ color: `var(${markColors[kind]})` }}
              aria-hidden="true"
            />
            {says}
          </li>
        ))}
    </ul>
  )
}
