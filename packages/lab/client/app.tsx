import type { JSX } from "preact"
import { useRef, useState } from "preact/hooks"
import { clock, count, short } from "../../page/client/format.ts"
import { useStore } from "../../page/client/live/store.ts"
import { BarTable } from "../../page/client/parts/bar-table.tsx"
import { Reasons } from "../../page/client/parts/reasons.tsx"
import { Figure } from "../../page/client/parts/figure.tsx"
import { limitWords } from "../../page/src/chart/mark-words.ts"
import type { LabState } from "../src/page/wire.ts"
import { Calls } from "./calls.tsx"
import { Charts } from "./charts.tsx"
import { limitsOf } from "./limits-of.ts"
import { live, startAfresh } from "./live.ts"
import { reasonWords } from "./reason-words.ts"

export function App(): JSX.Element {
  const { state, history, isLost } = useStore(live)
  return (
    <>
      <header>
        <div class="title">
          <h1>Sluice lab: what the vendor saw</h1>
          <p class="status" role="status">
            <span class={`dot ${isLost || !state ? "" : "running"}`} aria-hidden="true" />
            {isLost ? "does not answer" : state ? `running for ${clock(state.atMs)}` : "…"}
          </p>
        </div>
        <Afresh isOff={isLost || !state} />
      </header>
      {isLost && (
        <p class="notice" role="alert">
          The vendor does not answer. This is what it told last; the page goes on by itself when it is back.
        </p>
      )}
      {state && (
        <main>
          <Figures state={state} />
          <Charts columns={history.columns()} />
          <div class="columns">
            <Limits state={state} />
            <Unanswered state={state} />
          </div>
          <Calls calls={state.calls} />
        </main>
      )}
    </>
  )
}

function Figures({ state }: { state: LabState }): JSX.Element {
  const { arrived, answered, refused, inFlight, maxInFlight, inputTokens, outputTokens, repeats, batches } = state
  return (
    <dl class="figures">
      <Figure name="Arrived" value={count(arrived)} more={`${count(state.badRequests)} malformed ones besides`} />
      <Figure name="Answered" value={count(answered)} more={`${count(repeats)} of them repeats`} />
      <Figure name="Refused" value={count(refused)} class={refused > 0 ? "bad" : ""} />
      <Figure name="In flight" value={count(inFlight)} more={`${count(maxInFlight)} at most`} />
      <Figure name="Tokens" value={short(inputTokens + outputTokens)} more={`${short(outputTokens)} of them answers`} />
      {batches.jobs > 0 && (
        <Figure name="Batch answers" value={count(batches.answered)} more={`in ${count(batches.jobs)} jobs`} />
      )}
      {state.coTenantCalls > 0 && (
        <Figure name="Others" value={count(state.coTenantCalls)} more="calls of the same account" />
      )}
    </dl>
  )
}

function Limits({ state }: { state: LabState }): JSX.Element {
  const { utilisation } = state
  const limits = limitsOf(state)
  return (
    <section aria-label="Limits" class="quota">
      <h2>Limits: what is left</h2>
      <BarTable
        heads={["Limit", "Share that is left", "Left"]}
        rows={limits.map(({ name, limit, remaining }) => ({
          name,
          share: remaining / limit,
          text: `${short(remaining)} of ${short(limit)}`,
        }))}
      />
      {limits.length === 0 && <p class="faint">This vendor has no limit, or tells of none.</p>}
      {Object.keys(utilisation).length > 0 && <h2>Used, of what the limits allowed</h2>}
      <BarTable
        heads={["Limit", "Bar", "Used"]}
        rows={Object.entries(utilisation).map(([dimension, share]) => ({
          name: limitWords(dimension),
          share,
          text: `${(share * 100).toFixed(1)} %`,
        }))}
      />
    </section>
  )
}

function Unanswered({ state: { refusedByReason, failed } }: { state: LabState }): JSX.Element {
  const reasons = [...Object.entries(refusedByReason), ...Object.entries(failed)].toSorted(([, a], [, b]) => b - a)
  return (
    <section aria-label="Refused and failed">
      <h2>Refused and failed, by reason</h2>
      {reasons.length === 0 && <p class="faint">Nothing was refused, nothing failed.</p>}
      <Reasons calls={reasons.map(([reason, calls]) => ({ reason, calls }))} wordsOf={reasonWords} />
    </section>
  )
}

/** Everything is forgotten: that is asked first. */
function Afresh({ isOff }: { isOff: boolean }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null)
  const [wrong, setWrong] = useState<string>()
  return (
    <div class="controls" role="group" aria-label="Hands on">
      <button type="button" class="danger" disabled={isOff} onClick={() => dialog.current?.showModal()}>
        Start afresh…
      </button>
      {wrong !== undefined && (
        <p class="wrong" role="alert">
          {wrong}
        </p>
      )}
      <dialog ref={dialog} aria-label="Start afresh">
        <p>Limits are full again, the vendor's clock begins at 0, and what is counted here is forgotten.</p>
        <form method="dialog">
          <button type="submit">Go on</button>
          <button type="submit" class="danger" onClick={() => void startAfresh().then(setWrong)}>
            Start afresh
          </button>
        </form>
      </dialog>
    </div>
  )
}
