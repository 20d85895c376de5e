import { CallLog } from "../page/call-log.ts"
import { BadRequest } from "./wire/model-call.ts"

/** What batch jobs came to, beside the truth about calls: they have no share in its limits. */
export interface BatchTruth {
  readonly jobs: number
  readonly answered: number
  readonly failed: number
  readonly inputTokens: number
  readonly outputTokens: number
  /** Answers to a body that a batch had answered before: paid for twice. */
  readonly repeats: number
}

/** What the vendor keeps between requests besides its admission; gone with a reset. */
export class VendorMemory {
  /** By kind and id: `files`, `batches`, … */
  readonly #shelves = new Map<string, Map<string, unknown>>()
  readonly #kept = new Map<string, number>()
  readonly #maxKeptBytes: number
  #keptBytes = 0
  readonly #answeredBodies = new Set<string>()
  #ids = 0
  #truth: BatchTruth = { jobs: 0, answered: 0, failed: 0, inputTokens: 0, outputTokens: 0, repeats: 0 }

  /** Calls refused for their key, and requests that made no sense: the admission never saw them. */
  refusedKeys = 0
  badRequests = 0

  readonly calls: CallLog = new CallLog()

  constructor(maxKeptBytes: number) {
    this.#maxKeptBytes = maxKeptBytes
  }

  shelf<T>(kind: string): Map<string, T> {
    let shelf = this.#shelves.get(kind)
    if (shelf === undefined) this.#shelves.set(kind, (shelf = new Map()))
    return shelf as Map<string, T>
  }

  /** Counts what is kept under `id` for a client. Throws `BadRequest` when it would be too much. */
  keep(id: string, bytes: number): void {
    if (this.#keptBytes + bytes > this.#maxKeptBytes) {
      const kept = `${this.#keptBytes} of ${this.#maxKeptBytes} bytes are kept, ${bytes} more were sent`
      throw new BadRequest(`Storage is full: ${kept}. Delete files or batches, or reset the vendor.`, null, 413)
    }
    this.#kept.set(id, bytes)
    this.#keptBytes += bytes
  }

  /** Makes room again. */
  forget(id: string): void {
    this.#keptBytes -= this.#kept.get(id) ?? 0
    this.#kept.delete(id)
  }

  nextId(prefix: string): string {
    return `${prefix}${String(++this.#ids).padStart(16, "0")}`
  }

  get batchTruth(): BatchTruth {
    return this.#truth
  }

  countJob(): void {
    this.#truth = { ...this.#truth, jobs: this.#truth.jobs + 1 }
  }

  /** One request of a batch ended; `tokens` are absent when it failed. */
  countItem(bodyHash: string, tokens?: { readonly input: number; readonly output: number }): void {
    const { answered, failed, inputTokens, outputTokens, repeats } = this.#truth
    if (tokens === undefined) {
      this.#truth = { ...this.#truth, failed: failed + 1 }
      return
    }
    this.#truth = {
      ...this.#truth,
      answered: answered + 1,
      inputTokens: inputTokens + tokens.input,
      outputTokens: outputTokens + tokens.output,
      repeats: repeats + (this.#answeredBodies.has(bodyHash) ? 1 : 0),
    }
    this.#answeredBodies.add(bodyHash)
  }
}
