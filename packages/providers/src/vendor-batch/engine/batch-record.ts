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

/** Where batches are noted so that a crash submits nothing twice. Each promise resolves when that is durable. */
export interface BatchNotes {
  /** What earlier processes noted, and have not forgotten. */
  all(): Promise<NotedBatch[]>
  intend(batch: NotedBatch): Promise<void>
  created(tag: string, batchId: string): Promise<void>
  forget(tags: readonly string[]): Promise<void>
}

/** The batches that hold, or may hold, answers to requests: those of earlier processes, and those that were left by all who waited. */
export class BatchRecord {
  readonly #notes: BatchNotes | undefined
  readonly #slots = new Map<string, Slot[]>()

  private constructor(notes: BatchNotes | undefined) {
    this.#notes = notes
  }

  /** Without notes, nothing outlives the process. */
  static async open(notes: BatchNotes | undefined): Promise<BatchRecord> {
    const record = new BatchRecord(notes)
    for (const batch of (await notes?.all()) ?? [])
      for (const customId of batch.ids) record.release({ batch, customId })
    return record
  }

  get isDurable(): boolean {
    return this.#notes !== undefined
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
    await this.#notes?.intend({ tag, wallMs, ids })
  }

  async created(tag: string, batchId: string): Promise<void> {
    await this.#notes?.created(tag, batchId)
  }

  /** Nothing of these batches is wanted any more. */
  async forget(tags: readonly string[]): Promise<void> {
    if (tags.length > 0) await this.#notes?.forget(tags)
  }
}
