import type { RunNotes } from "@sluice/core"
import type { BatchNotes, NotedBatch } from "./batch-record.ts"

/** Batches noted in a run's journal: a list of their tags under the name of the visit, and beside it each batch and its id. */
export function batchesInRun(notes: RunNotes, visit: string): BatchNotes {
  const name = `vendor-batches ${visit}`
  const nameOf = (tag: string): string => `${name} ${tag}`
  const tags = new Set<string>()
  const noteTags = (): Promise<void> => notes.putNote(name, [...tags])
  return {
    async all() {
      const batches: NotedBatch[] = []
      for (const tag of ((await notes.note(name)) ?? []) as string[]) {
        const noted = (await notes.note(nameOf(tag))) as Omit<NotedBatch, "batchId">
        const batchId = (await notes.note(`${nameOf(tag)} id`)) as string | undefined
        tags.add(tag)
        batches.push({ ...noted, ...(batchId === undefined ? {} : { batchId }) })
      }
      return batches
    },
    async intend(batch) {
      await notes.putNote(nameOf(batch.tag), batch)
      tags.add(batch.tag)
      await noteTags()
    },
    created: (tag, batchId) => notes.putNote(`${nameOf(tag)} id`, batchId),
    async forget(gone) {
      for (const tag of gone) tags.delete(tag)
      await noteTags()
    },
  }
}
