import type { JSX } from "preact"

const spans = [
  { name: "5 min", ms: 300_000 },
  { name: "30 min", ms: 1_800_000 },
  { name: "all", ms: Infinity },
] as const

/** How much time charts show. */
export function Spans({ spanMs, onChoose }: { spanMs: number; onChoose: (spanMs: number) => void }): JSX.Element {
  return (
    <div class="spans" role="group" aria-label="Span of the charts">
      {spans.map(({ name, ms }) => (
        <button type="button" key={name} aria-pressed={spanMs === ms} onClick={() => onChoose(ms)}>
          {name}
        </button>
      ))}
    </div>
  )
}
