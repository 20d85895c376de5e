import type { JSX } from "preact"
import { clock, duration, short } from "../../page/client/format.ts"
import type { SeenCall } from "../src/page/call-log.ts"
import { reasonWords } from "./reason-words.ts"

const apis: Readonly<Record<SeenCall["api"], string>> = {
  openai: "OpenAI",
  azure: "Azure",
  anthropic: "Anthropic",
  gemini: "Gemini",
}

/** The last calls, newest first. */
export function Calls({ calls }: { calls: readonly SeenCall[] }): JSX.Element {
  return (
    <section aria-label="Last calls">
      <h2>Last calls</h2>
      {calls.length === 0 && <p class="faint">No call has come yet.</p>}
      {calls.length > 0 && (
        <table class="calls">
          <thead>
            <tr>
              <th scope="col">At</th>
              <th scope="col" class="api">
                API
              </th>
              <th scope="col">Model</th>
              <th scope="col" class="number tokens">
                Tokens in
              </th>
              <th scope="col">Answer</th>
              <th scope="col" class="number">
                Took
              </th>
            </tr>
          </thead>
          <tbody>
            {calls.toReversed().map((call) => (
              <tr key={call.number}>
                <td>{clock(call.atMs)}</td>
                <td class="api">{apis[call.api]}</td>
                <td class="model">{call.model}</td>
                <td class="number tokens">{short(call.inputTokens)}</td>
                <td>
                  <span class={`dot ${dotOf(call)}`} aria-hidden="true" />
                  {answerOf(call)}
                </td>
                <td class="number">{call.tookMs === undefined ? "" : duration(call.tookMs)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

function dotOf({ status, trouble }: SeenCall): string {
  if (status === undefined) return "running"
  return status >= 200 && status < 300 && trouble === undefined ? "ok" : "failed"
}

function answerOf({ status, trouble }: SeenCall): string {
  const what = status === undefined ? "in flight" : status === 0 ? "cut off" : String(status)
  return trouble === undefined ? what : `${what}: ${reasonWords(trouble)}`
}
