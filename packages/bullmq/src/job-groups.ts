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
  #bytes = 0
  #cancel: (() => void) | undefined
  /** Of late items: how long each took where it was done. */
  #itemMs: number | undefined
  #items = 0
  #sent = 0

  constructor(batch: SentBatch, jobs: Jobs, clock: Clock, chunk: number | "auto") {
    this.#batch = batch
    this.#jobs = jobs
    this.#clock = clock
    this.#chunk = chunk
  }

  add(sent: Sent): void {
    const { bytes } = sent
    if (this.#bytes + bytes > mostBytes) this.#flush()
    this.#waiting.push(sent)
    this.#bytes += bytes
    this.#items++
    const size = this.#size()
    if (this.#waiting.length >= size) return this.#flush()
    const isTimed = this.#chunk !== "auto" || this.#itemMs !== undefined
    this.#cancel ??= this.#clock.setTimer(isTimed ? lingerMs : jobMs, () => this.#late())
  }

  /** An item took so long. */
  took(ms: number): void {
    const isFirst = this.#itemMs === undefined
    this.#itemMs = isFirst ? ms : this.#itemMs! + (ms - this.#itemMs!) / 16
    if (isFirst) this.#flush()
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
    this.#bytes = 0
  }

  #size(): number {
    if (this.#chunk !== "auto") return this.#chunk
    if (this.#items <= timedItems) return 1
    return this.#itemMs === undefined ? mostItems : Math.min(mostItems, Math.max(1, Math.floor(jobMs / this.#itemMs)))
  }

  #late(): void {
    this.#cancel = undefined
    // Nothing has come back for so long: one item makes a job.
    if (this.#chunk === "auto") this.#itemMs ??= jobMs
    this.#flush()
  }

  #flush(): void {
    const items = this.withdraw()
    const size = this.#size()
    for (let at = 0; at < items.length; at += size) {
      const id = `${this.#batch.name}-${this.#session}-${this.#sent++}`
      this.#jobs.send(id, this.#batch, items.slice(at, at + size))
    }
  }
}
