import type { Cost, SluiceEvent, TaskScope } from "@sluice/core"
import type { FetchContext } from "./limited-fetch.ts"
import type { PreparedCall } from "./prepared-call.ts"
import type { Usage, Verdict } from "./vendor.ts"

/** What is told of one attempt. */
export interface ToldAttempt {
  readonly attempt: number
  readonly verdict: Verdict
  readonly status?: number | undefined
  /** Until the next attempt. */
  readonly delayMs?: number | undefined
  /** Why there is no next one although the verdict would allow it. */
  readonly gaveUp?: string | undefined
}

/** Tells what happens to one call. Never a key, never a prompt. */
export class CallEvents {
  readonly #context: FetchContext
  readonly #scope: TaskScope | undefined

  constructor(context: FetchContext, scope: TaskScope | undefined) {
    this.#context = context
    this.#scope = scope
  }

  attempt({ vendor, facts }: PreparedCall, { attempt, verdict, status, delayMs, gaveUp }: ToldAttempt): void {
    if (!this.#context.onEvent) return
    this.#emit({
      type: "http-attempt",
      atMs: this.#context.clock.now(),
      vendor: vendor.name,
      model: facts.model,
      attempt,
      decision: gaveUp ?? verdict.kind,
      ...(status === undefined ? {} : { status }),
      ...(delayMs === undefined ? {} : { delayMs }),
      ...(verdict.kind === "ok" ? {} : { error: verdict.code }),
    })
  }

  usage({ facts, account, admitOptions: { key } }: PreparedCall, cost: Cost, usage: Usage, estimated: boolean): void {
    if (!this.#context.onEvent) return
    this.#emit({
      type: "usage",
      atMs: this.#context.clock.now(),
      cost,
      model: facts.model,
      account: account.label,
      ...(key === undefined ? {} : { key }),
      cachedInputTokens: usage.cachedInputTokens,
      ...(estimated ? { estimated } : {}),
    })
  }

  warnOnce(code: string, message: string): void {
    if (this.#context.warned.has(code)) return
    this.#context.warned.add(code)
    this.#emit({ type: "warning", atMs: this.#context.clock.now(), code, message })
  }

  #emit(event: SluiceEvent): void {
    const { runId, spanId } = this.#scope ?? {}
    try {
      this.#context.onEvent?.(
        runId === undefined || spanId === undefined ? event : ({ ...event, runId, spanId } as SluiceEvent),
      )
    } catch {
      // A sink that throws does not disturb the call.
    }
  }
}
