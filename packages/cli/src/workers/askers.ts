import { type EventSink, SluiceError } from "@sluice/core"
import { boundedText } from "@sluice/core/internal"
import { parseExactJson, redactPlain, redactSecrets } from "@sluice/journal"
import { limitedFetch } from "@sluice/providers"
import type { SharedQuotas } from "@sluice/redis"
import { AnswerFailure } from "../asking/answer.ts"
import type { Asker } from "../asking/create-asker.ts"
import type { Terminal } from "../display/terminal.ts"
import { keysIn } from "../model/model-name.ts"
import { openModel } from "../model/open-model.ts"
import { compileAnswerSchema } from "../question/answer-schema.ts"
import type { Question } from "../question/compile-question.ts"
import { emptyNotes, noteEvent, notingFetch, takingNotes } from "../run/items/item-notes.ts"
import type { AskedItem, AskedReport, Asking } from "./asking.ts"
import { usageError } from "../usage-error.ts"
import { failureToWire } from "./wire-failure.ts"

interface OpenAsker {
  readonly opened: Promise<{ readonly ask: Asker; readonly close: () => Promise<void> }>
  running: number
  usedMs: number
}

/** A model that nobody has asked for so long is closed when another one is opened. */
const keptMs = 600_000

export interface AskersOptions {
  /** Where keys may go besides the vendors' own addresses: whoever may write into Redis says where to ask. */
  readonly addresses: readonly string[]
  readonly terminal: Terminal
  readonly quotas: SharedQuotas
  readonly onEvent: EventSink
}

/** The models that a worker asks, each opened once, with the keys of this process. */
export class Askers {
  readonly #options: AskersOptions
  readonly #open = new Map<string, OpenAsker>()
  readonly #secrets: readonly string[]
  /** One for all: what is so of all is told once. */
  readonly #hear: EventSink = (event) => {
    noteEvent(event)
    this.#options.onEvent(event)
  }

  constructor(options: AskersOptions) {
    this.#options = options
    this.#secrets = keysIn(options.terminal.env)
  }

  /** Asks once about one input; answers a report as JSON, also when it failed. Rejects with `signal.reason` alone. */
  async ask(asking: Asking, item: string, signal: AbortSignal): Promise<string> {
    const { clock } = this.#options.terminal
    const { messages, request, before } = parseExactJson(item) as AskedItem
    const notes = emptyNotes(clock, 0)
    let came: Pick<AskedReport, "answer" | "failure">
    const name = JSON.stringify(asking)
    const asker = this.#open.get(name) ?? this.#opening(name, asking)
    asker.running++
    try {
      const { ask } = await asker.opened
      const asked = {
        record: { messages, request } as never,
        where: "the input",
        signal,
        before: before && new AnswerFailure("answer-invalid", before.message, { text: before.text }),
      }
      const answer = await takingNotes(notes, () => ask(asked))
      came = { answer: redactPlain(answer, this.#secrets) }
    } catch (error) {
      signal.throwIfAborted()
      const failure = failureToWire(error, (text) => this.#told(text))
      // Not the item's fault, nor one that another worker has: a key that is not here, for one.
      if (failure.code === "usage") throw new SluiceError("worker-error", failure.message)
      came = { failure: redactPlain(failure, this.#secrets) }
    } finally {
      asker.running--
      asker.usedMs = clock.now()
    }
    const { cost, errors, refusal, latencyMs, waitedMs } = notes
    const told = errors.map((error) => ({ ...error, message: this.#told(error.message) }))
    const report: AskedReport = {
      ...came,
      notes: {
        cost,
        errors: told,
        ...(refusal !== undefined && { refusal: this.#told(refusal) }),
        ...(latencyMs !== undefined && { latencyMs }),
        ...(waitedMs !== undefined && { waitedMs }),
      },
    }
    return JSON.stringify(report)
  }

  /** Words as they go to the run: without keys, and not without end. */
  #told(text: string): string {
    return boundedText(redactSecrets(text, this.#secrets))
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((name) => this.#close(name)))
  }

  #opening(name: string, asking: Asking): OpenAsker {
    const { terminal } = this.#options
    const nowMs = terminal.clock.now()
    for (const [other, { running, usedMs }] of this.#open)
      if (running === 0 && nowMs - usedMs > keptMs) void this.#close(other)
    const asker: OpenAsker = { opened: this.#opened(asking), running: 0, usedMs: nowMs }
    this.#open.set(name, asker)
    // Tried again with the next item: a key may be there by then.
    asker.opened.catch(() => this.#open.delete(name))
    return asker
  }

  async #opened(asking: Asking): Promise<{ readonly ask: Asker; readonly close: () => Promise<void> }> {
    const { terminal, quotas, onEvent } = this.#options
    const { model, baseUrl, limits, prices, timeoutMs, acceptTruncated } = asking
    if (baseUrl !== undefined && !this.#options.addresses.includes(baseUrl))
      throw usageError(
        `the run asks at ${baseUrl}, where this worker was not told to send its keys. Start it with --base-url ${baseUrl}`,
      )
    const fetch = limitedFetch({
      ...limits,
      ...(prices && { prices }),
      ...(timeoutMs !== undefined && { timeoutMs }),
      quota: quotas,
      clock: terminal.clock,
      fetch: notingFetch,
      onEvent: this.#hear,
    })
    const question = await questionOf(asking)
    const warn = (code: string, message: string): void =>
      onEvent({ type: "warning", atMs: terminal.clock.now(), code, message })
    const opened = await openModel(model, {
      env: terminal.env,
      fetch,
      baseUrl,
      question,
      acceptTruncated,
      warn,
    })
    return {
      ask: opened.ask,
      close: async () => {
        await opened.close()
        await fetch.close()
      },
    }
  }

  async #close(name: string): Promise<void> {
    const asker = this.#open.get(name)
    this.#open.delete(name)
    await (await asker?.opened.catch(() => undefined))?.close()
  }
}

/** The question as the asker needs it: each input brings its messages, or is a request. */
async function questionOf({ schema, settings, requestOptions, model }: Asking): Promise<Question> {
  const isRequests = model.endsWith(":*")
  return {
    messages: (record) => (record as unknown as AskedItem).messages ?? [],
    ...(isRequests && { request: (record) => (record as unknown as AskedItem).request! }),
    texts: { messages: [], param: {} },
    schema: schema && (await compileAnswerSchema(schema, "of the run")),
    settings,
    requestOptions,
    fingerprint: {},
  }
}
