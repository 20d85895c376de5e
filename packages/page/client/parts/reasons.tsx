import type { JSX } from "preact"
import type { WaitingFor } from "../../src/wire.ts"
import { count } from "../format.ts"

interface ReasonsProps {
  readonly calls: readonly WaitingFor[]
  /** A reason as it is shown. */
  readonly wordsOf?: (reason: string) => string
}

/** Calls by reason, with bars as long as there are many of them. */
export function Reasons({ calls: all, wordsOf = (reason) => reason }: ReasonsProps): JSX.Element {
  const most = Math.max(1, ...all.map(({ calls }) => calls))
  return (
    <ul class="reasons">
      {all.map(({ reason, calls }) => (
        <li key={reason}>
          <span>{wordsOf(reason)}</span>
          <span class="bar" aria-hidden="true">
            <i style={{ width: `${(calls / most) * 100}%` }} />
          </span>
          <b>{count(calls)}</b>
        </li>
      ))}
    </ul>
  )
}
