import { randomUUID } from "node:crypto"
import type { Clock } from "@sluice/core"
import type { Jobs, SentBatch } from "./jobs.ts"
import type { Sent } from "./sent.ts"
import { mostBytes } from "./wire-outcome.ts"

/** Items that arrive one by one wait so long for others. */
const lingerMs = 10
/** With `"auto"`, a job is to take about so long, and nobody waits longer to learn how long items take. */
const jobMs = 1_000
/** So many items go singly first, to be timed. */
const timedItems = 32
const mostItems = 100

/** Gathers the items of one batch into jobs. */
export class JobGroups {
  readonly #batch: SentBatch
  readonly #jobs: Jobs
  readonly #clock: Clock
  readonly #chunk: number | "auto"
  /** Jobs of a coordinator before this one keep their names. */
  readonly #session: string = randomUUID().slice(0, 8)
  #waiting: Sent[] = []
  #cancel: (() => void) | undefined
  /** Of late items: how long each took where it was done. */
  #itemMs: number | undefined
  /** Of the first ones, how many are back. */
  #timed = 0
  #isTimed = false
  #items = 0
  #sent = 0

  constructor(batch: SentBatch, jobs: Jobs, clock: Clock, chunk: number | "auto") {
    this.#batch = batch
    this.#jobs = jobs
    this.#clock = clock
    this.#chunk = chunk
  }

  add(sent: Sent): void {
    this.#waiting.push(sent)
    this.#items++
    if (this.#waiting.length >= this.#size()) return this.#flush()
    const isKnown = this.#chunk !== "auto" || this.#isTimed
    this.#cancel ??= this.#clock.setTimer(isKnown ? lingerMs : jobMs, () => this.#known())
  }

  /** An item took so long. */
  took(ms: number): void {
    const itemMs = this.#itemMs ?? ms
    if (this.#isTimed) this.#itemMs = itemMs + (ms - itemMs) / 16
    else {
      // The quickest of the first ones: what a cold or busy machine adds is not theirs.
      this.#itemMs = Math.min(itemMs, ms)
      if (++this.#timed === timedItems) this.#known()
    }
  }

  /** Takes back what is not sent yet. */
  withdraw(): readonly Sent[] {
    this.close()
    return this.#waiting.splice(0)
  }

  /** Nothing more is sent. */
  close(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  /** The others wait for the first ones: what has been sent as one job stays one, however long its items take. */
  #size(): number {
    if (this.#chunk !== "auto") return this.#chunk
    if (this.#items <= timedItems) return 1
    return this.#isTimed ? Math.min(mostItems, Math.max(1, Math.floor(jobMs / this.#itemMs!))) : Infinity
  }

  /** All came back that are timed, or nobody waits for them any more. */
  #known(): void {
    this.#isTimed = true
    // Nothing has come back for so long: one item makes a job.
    this.#itemMs ??= jobMs
    this.#flush()
  }

  #flush(): void {
    const size = this.#size()
    let some: Sent[] = []
    let bytes = 0
    for (const each of this.withdraw()) {
      bytes += each.bytes
      if (some.length === size || (some.length > 0 && bytes > mostBytes)) {
        this.#send(some)
        some = []
        bytes = each.bytes
      }
      some.push(each)
    }
    if (some.length > 0) this.#send(some)
  }

  #send(items: readonly Sent[]): void {
    const id = `${this.#batch.name}-${this.#session}-${this.#sent++}`
    this.#jobs.send(id, this.#batch, items)
  }
}
