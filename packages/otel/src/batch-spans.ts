import { context, type Span, SpanKind } from "@opentelemetry/api"
import { providerOf } from "./conventions.ts"
import type { EventOf } from "./event-of.ts"
import type { RunSpans } from "./run-spans.ts"
import type { SpanMaker } from "./span-maker.ts"

/** Vendors' batches, from the moment that one is submitted, or found of an earlier process, until it has ended. */
export class BatchSpans {
  readonly #make: SpanMaker
  readonly #runs: RunSpans
  readonly #open = new Map<string, Span>()

  constructor(make: SpanMaker, runs: RunSpans) {
    this.#make = make
    this.#runs = runs
  }

  hear(event: EventOf<"vendor-batch">): void {
    const { state, batchId, vendor, model, done, total, code, atMs } = event
    if (state === "submitted" || state === "adopted") {
      const around = this.#runs.around(event) ?? context.active()
      const attributes = {
        "gen_ai.provider.name": providerOf({ vendor }),
        "gen_ai.request.model": model,
        "sluice.batch.id": batchId,
        "sluice.batch.total": total,
        ...(state === "adopted" && { "sluice.batch.adopted": true }),
      }
      const span = this.#make.start(`vendor batch ${model}`, atMs, around, attributes, SpanKind.CLIENT)
      if (span) this.#open.set(batchId, span)
      return
    }
    const span = this.#open.get(batchId)
    if (!span) return
    span.setAttribute("sluice.batch.done", done)
    // What is done by then still comes.
    if (state === "cancelled") span.setAttribute("sluice.batch.cancelled", true)
    if (state !== "ended" && state !== "failed") return
    this.#open.delete(batchId)
    if (state === "failed") this.#make.fail(span, code ?? "failed")
    this.#make.end(span, atMs)
  }
}
