import type { Cost, SluiceEvent, TaskScope } from "@sluice/core"
import type { FetchContext } from "./context.ts"
import type { PreparedCall } from "./prepare.ts"
import type { Verdict } from "../vendors/vendor.ts"

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

  /** What one item pays; `cachedShare` of its input came from the vendor's cache. */
  usage(
    { facts, account, admitOptions: { tenant } }: PreparedCall,
    { scope, cost }: { readonly scope: TaskScope | undefined; readonly cost: Cost },
    cachedShare: number,
    estimated: boolean,
    lane?: "batch",
  ): void {
    if (!this.#context.onEvent) return
    const event: SluiceEvent = {
      type: "usage",
      atMs: this.#context.clock.now(),
      cost,
      model: facts.model,
      account: account.label,
      ...(tenant === undefined ? {} : { tenant }),
      cachedInputTokens: (cost.inputTokens ?? 0) * cachedShare,
      ...(estimated ? { estimated } : {}),
      ...(lane ? { lane } : {}),
    }
    this.#emit(event, scope)
  }

  /** Once for `about`, of which a thousand are remembered. */
  warnOnce(code: string, message: string, about: string = code): void {
    const { warned } = this.#context
    if (warned.has(about) || warned.size > 1000) return
    warned.add(about)
    this.#emit({ type: "warning", atMs: this.#context.clock.now(), code, message })
  }

  #emit(event: SluiceEvent, scope = this.#scope): void {
    // A map inside an item has no spans of its own.
    let around = scope
    while (around && around.spanId === undefined) around = around.parent
    const { runId, spanId } = around ?? {}
    try {
      this.#context.onEvent?.(
        runId === undefined || spanId === undefined ? event : ({ ...event, runId, spanId } as SluiceEvent),
      )
    } catch {
      // A sink that throws does not disturb the call.
    }
  }
}
