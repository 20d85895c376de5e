import type { JSX } from "preact"
import { useEffect, useState } from "preact/hooks"
import type { ItemDetail } from "../../src/wire.ts"
import { dollars, duration, isSaid, short } from "../format.ts"
import { ask } from "../live/ask.ts"
import { useLive } from "../live/hooks.ts"
import { Steps } from "../parts/steps.tsx"
import { TextPane } from "../parts/text-pane.tsx"

export function Item({ row }: { row: number }): JSX.Element {
  const { version } = useLive().state
  const [item, setItem] = useState<ItemDetail>()
  const [wrong, setWrong] = useState<string>()
  const isSettled = item?.row === row && item.status !== "in flight"
  useEffect(() => {
    let isGone = false
    ask<ItemDetail>(`api/items/${row}`).then(
      (answer) => !isGone && setItem(answer),
      (error: Error) => !isGone && setWrong(error.message),
    )
    return () => void (isGone = true)
    // What is settled changes no more, unless it is asked again.
  }, [row, isSettled ? 0 : version])
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === "Escape" && !document.querySelector("dialog[open]")) history.back()
    }
    addEventListener("keydown", onKey)
    return () => removeEventListener("keydown", onKey)
  }, [])
  if (!item || item.row !== row) return <p class="faint">{wrong ?? "…"}</p>
  const { node, index, key, status, attempts, waitMs, latencyMs, inputTokens, outputTokens, usd, finish } = item
  // As the list calls it.
  const name = key ?? String(index)
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["Status", status],
    ["Node", node],
    ["Number", key === undefined ? undefined : String(index)],
    ["Tries", attempts > 0 ? String(attempts) : undefined],
    ["Waited", waitMs === undefined ? undefined : duration(waitMs)],
    ["Took", latencyMs === undefined ? undefined : duration(latencyMs)],
    ["Tokens", inputTokens === undefined ? undefined : `${short(inputTokens)} in, ${short(outputTokens ?? 0)} out`],
    ["Cost", usd === undefined ? undefined : dollars(usd)],
    // Not what the error says in whole.
    ["End", isSaid(finish, item.error) ? undefined : finish],
    ["Model", item.model],
    ["Request", item.requestId],
    ["Settled", item.settledWallMs === undefined ? undefined : new Date(item.settledWallMs).toLocaleString()],
    ["Schema", item.schema && (item.schema.fits ? "fits" : "does not fit")],
  ]
  return (
    <article class="item">
      <div class="itemhead">
        <button type="button" onClick={() => history.back()} aria-label="Back to the list">
          ← Back
        </button>
        <h2>
          <span class={`dot ${status.replace(" ", "-")}`} aria-hidden="true" /> <span dir="auto">Item {name}</span>
        </h2>
      </div>
      <dl class="facts">
        {facts.map(
          ([name, value]) =>
            value !== undefined && (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
      {item.error !== undefined && <pre class="error">{item.error}</pre>}
      {item.schema?.says !== undefined && <p class="faint">The schema says: {item.schema.says}</p>}
      {item.trace ? (
        <Steps trace={item.trace} />
      ) : (
        <p class="faint">How its time was spent is kept for the last few thousand items of a run that is watched.</p>
      )}
      <div class="panes">
        <TextPane title="Asked" row={row} which="asked" text={item.asked} none="Not kept." />
        <TextPane title="Answered" row={row} which="answered" text={item.answered} none={noAnswer(status)} />
      </div>
    </article>
  )
}

/** Of an item that has no answer here. */
function noAnswer(status: ItemDetail["status"]): string {
  return { failed: "No answer came.", "in flight": "Not yet.", cancelled: "It was stopped before.", ok: "Not kept." }[
    status
  ]
}
