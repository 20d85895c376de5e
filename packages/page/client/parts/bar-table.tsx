import type { JSX } from "preact"

export interface BarRow {
  readonly name: string
  /** From 0 to 1. */
  readonly share: number
  readonly text: string
}

interface BarTableProps {
  /** Of the columns, for a screen reader. */
  readonly heads: readonly [name: string, share: string, text: string]
  readonly rows: readonly BarRow[]
  /** What a bar says to who rests on it. */
  readonly hint?: string
}

/** Names with bars and numbers. */
export function BarTable({ heads, rows, hint }: BarTableProps): JSX.Element {
  return (
    <table>
      <thead class="hidden">
        <Heads of={heads} />
      </thead>
      <tbody>
        {rows.map(({ name, share, text }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td class="bar" title={hint}>
              <i style={{ width: `${Math.max(0, Math.min(1, share)) * 100}%` }} />
            </td>
            <td>{text}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** The row that names a table's columns. */
export function Heads({ of }: { of: readonly string[] }): JSX.Element {
  return (
    <tr>
      {of.map((head) => (
        <th scope="col" key={head}>
          {head}
        </th>
      ))}
    </tr>
  )
}
