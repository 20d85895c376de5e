import { beginning, type Redact } from "./text-source.ts"
import type { ItemStatus } from "../wire.ts"

export const statuses: readonly ItemStatus[] = ["in flight", "ok", "failed", "cancelled"]

/** What is known of an item, in numbers; absent is `NaN`, and 0 for a code. */
export interface ItemNumbers {
  attempts: number
  waitMs: number
  latencyMs: number
  inputTokens: number
  outputTokens: number
  usd: number
  /** On the page's clock. */
  settledMs: number
}

const none = 0xff
const mostNames = 60_000
/** Of how an item ended: a failure may say as much as it likes. */
const mostFinish = 60

/** Of an item that has just begun. */
const nothing: ItemNumbers = {
  attempts: 0,
  waitMs: 0,
  latencyMs: Number.NaN,
  inputTokens: Number.NaN,
  outputTokens: Number.NaN,
  usd: Number.NaN,
  settledMs: Number.NaN,
}

/**
 * Every item of a run, one row each, in columns of numbers: 40 bytes an item, so that a million of them take 40 MB. Texts stay where they
 * are kept.
 */
export class ItemColumns {
  count = 0
  /** Changes whenever a row does. */
  version = 0
  readonly #names: string[] = []
  readonly #codes = new Map<string, number>()
  readonly #redact: Redact
  #status = new Uint8Array(0)
  #node = new Uint16Array(0)
  #finish = new Uint16Array(0)
  #flags = new Uint8Array(0)
  index: Uint32Array<ArrayBuffer> = new Uint32Array(0)
  attempts: Uint16Array<ArrayBuffer> = new Uint16Array(0)
  waitMs: Float32Array<ArrayBuffer> = new Float32Array(0)
  latencyMs: Float32Array<ArrayBuffer> = new Float32Array(0)
  inputTokens: Float32Array<ArrayBuffer> = new Float32Array(0)
  outputTokens: Float32Array<ArrayBuffer> = new Float32Array(0)
  usd: Float32Array<ArrayBuffer> = new Float32Array(0)
  settledMs: Float32Array<ArrayBuffer> = new Float32Array(0)
  /** By status. */
  readonly counts: number[] = statuses.map(() => 0)
  /** Whether items of more than one node are here: an index alone says little then. */
  areOfSeveralNodes = false
  retried = 0
  cut = 0
  replayed = 0

  constructor(redact: Redact = (text) => text) {
    this.#redact = redact
  }

  add(node: string, index: number): number {
    const row = this.count++
    if (row >= this.#status.length) this.#grow()
    this.#status[row] = none
    this.attempts[row] = this.#flags[row] = 0
    this.#node[row] = this.code(node)
    this.areOfSeveralNodes ||= this.#node[row] !== this.#node[0]
    this.index[row] = Math.max(0, index)
    this.reset(row)
    return row
  }

  /** All are to be read anew. */
  clear(): void {
    this.version++
    this.areOfSeveralNodes = false
    this.count = this.retried = this.cut = this.replayed = 0
    this.counts.fill(0)
  }

  /** It begins anew. */
  reset(row: number): void {
    this.write(row, nothing)
    this.setFinish(row, undefined)
    this.setReplayed(row, false)
    this.setStatus(row, "in flight")
  }

  setStatus(row: number, status: ItemStatus): void {
    this.version++
    const [before, after] = [this.#status[row]!, statuses.indexOf(status)]
    if (before !== none) this.counts[before]!--
    this.counts[after]!++
    this.#status[row] = after
  }

  write(row: number, numbers: Partial<ItemNumbers>): void {
    this.version++
    const { attempts, waitMs, latencyMs, inputTokens, outputTokens, usd, settledMs } = numbers
    if (attempts !== undefined) this.#setAttempts(row, attempts)
    if (waitMs !== undefined) this.waitMs[row] = waitMs
    if (latencyMs !== undefined) this.latencyMs[row] = latencyMs
    if (inputTokens !== undefined) this.inputTokens[row] = inputTokens
    if (outputTokens !== undefined) this.outputTokens[row] = outputTokens
    if (usd !== undefined) this.usd[row] = usd
    if (settledMs !== undefined) this.settledMs[row] = settledMs
  }

  #setAttempts(row: number, attempts: number): void {
    this.retried += Number(attempts > 1) - Number(this.attempts[row]! > 1)
    this.attempts[row] = Math.min(attempts, 0xffff)
  }

  setFinish(row: number, finish: string | undefined): void {
    this.#finish[row] = finish === undefined ? 0 : this.code(beginning(finish, mostFinish, this.#redact)) + 1
    const isCut = finish !== undefined && /^length$|max_?tokens|truncated/i.test(finish)
    this.cut += this.#flag(row, 1, isCut)
  }

  setReplayed(row: number, isReplayed: boolean): void {
    this.replayed += this.#flag(row, 2, isReplayed)
  }

  #flag(row: number, bit: number, on: boolean): number {
    const was = (this.#flags[row]! & bit) !== 0
    if (on) this.#flags[row]! |= bit
    else this.#flags[row]! &= ~bit
    return Number(on) - Number(was)
  }

  isCut(row: number): boolean {
    return (this.#flags[row]! & 1) !== 0
  }

  isReplayed(row: number): boolean {
    return (this.#flags[row]! & 2) !== 0
  }

  status(row: number): ItemStatus {
    return statuses[this.#status[row]!]!
  }

  /** As a number that sorts: in flight, failed, cancelled, ok. */
  statusOrder(row: number): number {
    return [0, 3, 1, 2][this.#status[row]!]!
  }

  node(row: number): string {
    return this.#names[this.#node[row]!]!
  }

  finish(row: number): string | undefined {
    const code = this.#finish[row]!
    return code === 0 ? undefined : this.#names[code - 1]
  }

  /** A small number for a text that comes again and again. Beyond 60,000 of them all others are one. */
  code(text: string): number {
    const known = this.#codes.get(text)
    if (known !== undefined) return known
    if (this.#names.length >= mostNames && text !== "others") return this.code("others")
    this.#codes.set(text, this.#names.length)
    return this.#names.push(text) - 1
  }

  #grow(): void {
    const size = Math.max(1_024, Math.ceil(this.#status.length * 1.5))
    this.#status = larger(Uint8Array, this.#status, size)
    this.#node = larger(Uint16Array, this.#node, size)
    this.#finish = larger(Uint16Array, this.#finish, size)
    this.#flags = larger(Uint8Array, this.#flags, size)
    this.index = larger(Uint32Array, this.index, size)
    this.attempts = larger(Uint16Array, this.attempts, size)
    for (const name of floats) this[name] = larger(Float32Array, this[name], size)
  }
}

const floats = ["waitMs", "latencyMs", "inputTokens", "outputTokens", "usd", "settledMs"] as const

function larger<T extends { set(from: T): void }>(make: new (size: number) => T, from: T, size: number): T {
  const made = new make(size)
  made.set(from)
  return made
}
