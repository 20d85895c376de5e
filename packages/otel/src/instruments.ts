import type { Attributes, Counter, Histogram, Meter } from "@opentelemetry/api"
import type { Cost } from "@sluice/core"
import { hideKeyShapes } from "@sluice/core/internal"
import { callAttributes, type Conventions, errorType, otherName } from "./conventions.ts"
import type { EventOf } from "./event-of.ts"

// The boundaries that the conventions ask for.
const seconds = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
const tokens = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864]

// OpenTelemetry's SDK keeps 2,000 series of an instrument and throws the rest together: two attributes of 40 values make 1,600 of a model.
const mostNames = 40

/** Names that a vendor's answers bring, the first ones of them: a vendor does not decide how many series there are. */
class FewNames {
  readonly #known = new Set<string>()

  of(name: string): string {
    if (this.#known.size < mostNames) this.#known.add(name)
    return this.#known.has(name) ? name : otherName
  }
}

/** Of one kind of calls. */
interface CallInstruments {
  readonly duration: Histogram
  readonly firstChunk?: Histogram
  readonly input: Histogram
  readonly output?: Histogram
}

/** What is counted as events come, whether or not anything is traced. */
export class Instruments {
  readonly #conventions: Conventions
  readonly #inference: CallInstruments
  readonly #embeddings: CallInstruments
  readonly #items: Counter
  readonly #cost: Counter
  readonly #refused: Counter
  readonly #models = new FewNames()
  readonly #errors = new FewNames()
  /** Costs that were counted: a run and a call may both tell of one. */
  readonly #counted = new WeakSet<Cost>()

  constructor(meter: Meter, conventions: Conventions) {
    this.#conventions = conventions
    const timed = (name: string, description: string): Histogram =>
      meter.createHistogram(name, { unit: "s", description, advice: { explicitBucketBoundaries: seconds } })
    const counted = (name: string, description: string): Histogram =>
      meter.createHistogram(name, { unit: "{token}", description, advice: { explicitBucketBoundaries: tokens } })
    const firstChunk = (of: string): Histogram =>
      timed(
        `gen_ai.client.${of}.time_to_first_chunk`,
        "Time to receive the first chunk, measured from when the client issues the generation request.",
      )
    if (conventions.isLatest) {
      this.#inference = {
        duration: timed("gen_ai.client.inference.duration", "GenAI client inference operation duration."),
        firstChunk: firstChunk("inference"),
        input: counted("gen_ai.client.inference.operation.input_tokens", "Number of input tokens used."),
        output: counted("gen_ai.client.inference.operation.output_tokens", "Number of output tokens used."),
      }
      this.#embeddings = {
        duration: timed("gen_ai.client.embeddings.duration", "GenAI client embeddings operation duration."),
        input: counted("gen_ai.client.embeddings.operation.input_tokens", "Number of input tokens used."),
      }
    } else {
      const usage = counted("gen_ai.client.token.usage", "Number of input and output tokens used.")
      const duration = timed("gen_ai.client.operation.duration", "GenAI operation duration.")
      this.#inference = { duration, firstChunk: firstChunk("operation"), input: usage, output: usage }
      this.#embeddings = this.#inference
    }
    this.#items = meter.createCounter("sluice.items", {
      unit: "{item}",
      description: "Items of batches that have ended.",
    })
    this.#cost = meter.createCounter("sluice.cost_usd", { unit: "{USD}", description: "US dollars spent." })
    this.#refused = meter.createCounter("sluice.quota.refused", {
      unit: "{call}",
      description: "Calls that the vendor refused because of a limit.",
    })
  }

  call(event: EventOf<"call-end">): void {
    const { status, error, responseModel, usage, startMs, atMs, firstChunkMs } = event
    const attributes: Attributes = {
      ...callAttributes(event, this.#conventions),
      ...(responseModel !== undefined && { "gen_ai.response.model": this.#models.of(hideKeyShapes(responseModel)) }),
    }
    const failed = status === "ok" ? {} : { "error.type": this.#errors.of(errorType(error ?? status)) }
    const isEmbeddings = attributes["gen_ai.operation.name"] === "embeddings"
    const { duration, firstChunk, input, output } = isEmbeddings ? this.#embeddings : this.#inference
    duration.record((atMs - startMs) / 1000, { ...attributes, ...failed })
    if (firstChunkMs !== undefined) firstChunk?.record(firstChunkMs / 1000, attributes)
    // What the vendor has not counted is no usage.
    if (!usage || usage.estimated) return
    const typed = (type: string): Attributes =>
      this.#conventions.isLatest ? attributes : { ...attributes, "gen_ai.token.type": type }
    input.record(usage.inputTokens, typed("input"))
    output?.record(usage.outputTokens, typed("output"))
  }

  item({ node, status, replayed }: EventOf<"item-end">): void {
    this.#items.add(1, { "sluice.node": node, "sluice.status": replayed ? "replayed" : status })
  }

  spent({ cost, model, lane }: EventOf<"usage">): void {
    if (this.#counted.has(cost)) return
    this.#counted.add(cost)
    if (!cost.usd) return
    this.#cost.add(cost.usd, {
      ...(model !== undefined && { "gen_ai.request.model": model }),
      "sluice.lane": lane ?? "online",
    })
  }

  refused({ quota, reason, dimension }: EventOf<"throttle">): void {
    this.#refused.add(1, {
      "sluice.quota": quota,
      "sluice.reason": reason,
      ...(dimension !== undefined && { "sluice.dimension": dimension }),
    })
  }
}
