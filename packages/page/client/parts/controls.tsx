import type { JSX } from "preact"
import { useRef, useState } from "preact/hooks"
import { limitWords } from "../../src/chart/mark-words.ts"
import { changeable } from "../../src/controls.ts"
import type { ControlAction } from "../../src/wire.ts"
import { count, isOver } from "../format.ts"
import { control } from "../live/ask.ts"
import { useLive } from "../live/hooks.ts"

/** What somebody may do to the run. */
export function Controls(): JSX.Element | null {
  const { state, connection } = useLive()
  const [wrong, setWrong] = useState<string>()
  const limits = useRef<HTMLDialogElement>(null)
  const stop = useRef<HTMLDialogElement>(null)
  const { actions, status } = state
  if (actions.length === 0) return null
  const isPast = isOver(state)
  const can = (action: ControlAction): boolean => actions.includes(action)
  const act = (action: ControlAction, changes?: Record<string, number>): void =>
    void control(action, changes).then(setWrong)
  const isOff = connection !== "open"
  return (
    <div class="controls" role="group" aria-label="Hands on">
      {!isPast && can("pause") && status !== "draining" && (
        <button
          type="button"
          disabled={isOff}
          onClick={() => act(status === "paused" ? "resume" : "pause")}
          title={status === "paused" ? "Send calls again" : "Send no further calls; what is in flight goes on"}
        >
          {status === "paused" ? "Resume" : "Pause"}
        </button>
      )}
      {!isPast && can("update") && (
        <button type="button" disabled={isOff} onClick={() => limits.current?.showModal()}>
          Limits…
        </button>
      )}
      {!isPast && can("drain") && status !== "draining" && (
        <button
          type="button"
          disabled={isOff}
          onClick={() => act("drain")}
          title="Begin nothing more, finish what is in flight"
        >
          Drain
        </button>
      )}
      {!isPast && can("stop") && (
        <button type="button" class="danger" disabled={isOff} onClick={() => stop.current?.showModal()}>
          Stop…
        </button>
      )}
      {can("retry-failed") && state.items.failed > 0 && status !== "draining" && (
        <button
          type="button"
          disabled={isOff || state.isRetryWanted}
          onClick={() => act("retry-failed")}
          title="Failed items are asked again, after the others"
        >
          {state.isRetryWanted ? "Retry follows" : `Retry ${count(state.items.failed)} failed`}
        </button>
      )}
      {wrong !== undefined && (
        <p class="wrong" role="alert">
          {wrong}
        </p>
      )}
      <dialog ref={limits} aria-label="Limits">
        <LimitsForm isOff={isOff} act={(changes) => act("update", changes)} close={() => limits.current?.close()} />
      </dialog>
      <dialog ref={stop} aria-label="Stop the run">
        <p>
          Calls in flight are ended, though they are paid for. What is settled stays, and the same command goes on from
          here.
        </p>
        <form method="dialog">
          <button type="submit">Go on</button>
          <button type="submit" class="danger" disabled={isOff} onClick={() => act("stop")}>
            Stop now
          </button>
        </form>
      </dialog>
    </div>
  )
}

function LimitsForm({
  isOff,
  act,
  close,
}: {
  isOff: boolean
  act: (changes: Record<string, number>) => void
  close: () => void
}): JSX.Element {
  const { quotas } = useLive().state
  const form = useRef<HTMLFormElement>(null)
  const known = new Map(quotas.flatMap((quota) => quota.limits.map((limit) => [limit.name, limit.limit])))
  const submit = (event: Event): void => {
    event.preventDefault()
    const entries = [...new FormData(form.current!)]
      .filter(([, value]) => value !== "")
      .map(([name, value]) => [name, Number(value)] as const)
    if (entries.length > 0) act(Object.fromEntries(entries))
    form.current?.reset()
    close()
  }
  return (
    <form ref={form} onSubmit={submit}>
      <p>New numbers hold from the next call on, for every quota of this run. What stays empty stays as it is.</p>
      {changeable.map((name) => (
        <label key={name}>
          <span>{limitWords(name)}</span>
          <input
            name={name}
            type="number"
            min={name === "budgetUsd" ? 0.0001 : 1}
            step={name === "concurrency" ? 1 : "any"}
            placeholder={known.has(name) ? String(Number(known.get(name)!.toPrecision(4))) : "none"}
          />
        </label>
      ))}
      <div class="buttons">
        <button type="button" onClick={close}>
          Leave as they are
        </button>
        <button type="submit" class="primary" disabled={isOff}>
          Change
        </button>
      </div>
    </form>
  )
}
