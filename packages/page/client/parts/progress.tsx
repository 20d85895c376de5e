import type { JSX } from "preact"
import type { PageState } from "../../src/wire.ts"
import { count } from "../format.ts"

/** How far it is: done, failed, in flight, and the rest. */
export function Progress({ state: { items, total } }: { state: PageState }): JSX.Element {
  const { ok, failed, inFlight } = items
  const all = Math.max(1, total ?? ok + failed + inFlight)
  const share = (part: number): { width: string } => ({ width: `${Math.min(100, (part / all) * 100)}%` })
  const percent = Math.floor(((ok + failed) / all) * 100)
  return (
    <div
      class="progress"
      role="progressbar"
      aria-label="Items settled"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      aria-valuetext={`${count(ok + failed)} of ${total === undefined ? "as many as come" : count(total)}`}
    >
      <span class="ok" style={share(ok)} />
      <span class="failed" style={share(failed)} />
      <span class="flight" style={share(inFlight)} />
    </div>
  )
}
