import type { JSX } from "preact"
import type { ItemTrace, TraceStep } from "../../src/wire.ts"
import { duration } from "../format.ts"

/** How an item spent its time: each wait, call and backoff as a bar, and in words. */
export function Steps({ trace }: { trace: ItemTrace }): JSX.Element {
  const endMs = endOf(trace)
  return (
    <section aria-label="Attempts">
      <h3>How it went, {duration(endMs - trace.startMs)}</h3>
      <ol class="steps">
        {trace.steps.map((step, at) => (
          <li key={at}>
            <span class="what">{wordsOf(step)}</span>
            <span class="lane" aria-hidden="true">
              <StepBar step={step} fromMs={trace.startMs} toMs={endMs} />
            </span>
            <span class="number">{duration((step.toMs ?? endMs) - step.fromMs)}</span>
          </li>
        ))}
      </ol>
      {trace.steps.length === 0 && <p class="faint">It made no call that was seen.</p>}
    </section>
  )
}

export function endOf({ endMs, startMs, steps }: ItemTrace): number {
  return endMs ?? Math.max(startMs + 1, ...steps.map(({ fromMs, toMs }) => toMs ?? fromMs + 1))
}

/** A step in its place between two moments; of a streamed answer the first token shows. */
export function StepBar({ step, fromMs, toMs }: { step: TraceStep; fromMs: number; toMs: number }): JSX.Element {
  const all = Math.max(1, toMs - fromMs)
  const end = step.toMs ?? toMs
  const percent = (ms: number): string => `${Math.max(0, Math.min(100, ((ms - fromMs) / all) * 100))}%`
  const width = `${Math.max(0.3, ((Math.min(end, toMs) - Math.max(step.fromMs, fromMs)) / all) * 100)}%`
  const kind = step.kind === "call" && step.error !== undefined ? "call bad" : step.kind
  const firstShare =
    step.firstChunkMs === undefined ? undefined : (step.firstChunkMs - step.fromMs) / Math.max(1, end - step.fromMs)
  return (
    <i
      class={`step ${kind}`}
      style={{ left: percent(step.fromMs), width }}
      title={`${wordsOf(step)}, ${duration(end - step.fromMs)}`}
    >
      {firstShare !== undefined && <i class="first" style={{ left: `${Math.min(100, firstShare * 100)}%` }} />}
    </i>
  )
}

export function wordsOf({ kind, reason, attempt, status, error, requestId }: TraceStep): string {
  if (kind === "wait") return `waited for ${reason ?? "admission"}`
  if (kind === "backoff") return "backed off"
  const how = error === undefined ? "" : `, ${error}`
  return `call ${attempt ?? ""}: ${status ?? "no answer"}${how}${requestId === undefined ? "" : ` (${requestId})`}`
}
