import type { RunNotes } from "@sluice/core"

/** A batch of an earlier process, as it was noted. */
export interface NotedBatch {
  readonly tag: string
  readonly wallMs: number
  /** The `customId` of every request. */
  readonly ids: readonly string[]
  /** Absent when that process died between asking for the batch and noting its id. */
  readonly batchId?: string
}

/** Where the answer to a request may be. */
export interface Slot {
  readonly batch: NotedBatch
  readonly customId: string
}

/** The vendor batches of one batch node, noted in the run's journal so that a crash submits nothing twice. */
export class LaneRecord {
  readonly isDurable: boolean
  readonly #notes: RunNotes | undefined
  readonly #name: string
  readonly #tags = new Set<string>()
  readonly #slots = new Map<string, Slot[]>()

  private constructor(notes: RunNotes | undefined, name: string) {
    this.#notes = notes
    this.#name = `vendor-batches ${name}`
    this.isDurable = notes !== undefined
  }

  /** Reads what earlier processes noted under `name`. Without notes, nothing is kept. */
  static async open(notes: RunNotes | undefined, name: string): Promise<LaneRecord> {
    const record = new LaneRecord(notes, name)
    for (const tag of ((await notes?.note(record.#name)) ?? []) as string[]) {
      const noted = (await notes!.note(record.#nameOf(tag))) as Omit<NotedBatch, "batchId">
      const batchId = (await notes!.note(`${record.#nameOf(tag)} id`)) as string | undefined
      record.#remember({ ...noted, ...(batchId === undefined ? {} : { batchId }) })
    }
    return record
  }

  /** The next place where the answer to a request with this content may be; each place is given once. */
  claim(content: string): Slot | undefined {
    return this.#slots.get(content)?.shift()
  }

  /** Whoever waited for it does not any more: the next request with this content may have it. */
  release(slot: Slot): void {
    const content = slot.customId.slice(0, slot.customId.lastIndexOf("-"))
    const slots = this.#slots.get(content)
    if (slots) slots.push(slot)
    else this.#slots.set(content, [slot])
  }

  /** Before a batch is created: from now on it is looked for. */
  async intend({ tag, wallMs, ids }: NotedBatch): Promise<void> {
    await this.#notes?.putNote(this.#nameOf(tag), { tag, wallMs, ids })
    this.#tags.add(tag)
    await this.#noteTags()
  }

  async created(tag: string, batchId: string): Promise<void> {
    await this.#notes?.putNote(`${this.#nameOf(tag)} id`, batchId)
  }

  /** Nothing of these batches is wanted any more. */
  async forget(tags: readonly string[]): Promise<void> {
    if (tags.length === 0) return
    for (const tag of tags) this.#tags.delete(tag)
    await this.#noteTags()
  }

  async #noteTags(): Promise<void> {
    await this.#notes?.putNote(this.#name, [...this.#tags])
  }

  #nameOf(tag: string): string {
    return `${this.#name} ${tag}`
  }

  #remember(batch: NotedBatch): void {
    this.#tags.add(batch.tag)
    for (const customId of batch.ids) this.release({ batch, customId })
  }
}
