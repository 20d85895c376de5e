import type { Lane } from "@sluice/core"
import type { SqliteJournal, SqliteRunJournal } from "@sluice/journal"
import { checkTaken } from "../attach/attachments.ts"
import type { SluiceConfig } from "../commands/config-file.ts"
import type { Input } from "../input/input.ts"
import type { InputOptions } from "../input/read-input.ts"
import type { MessageRemarks } from "../question/message-remarks.ts"
import { parseModelName } from "../model/model-name.ts"
import { checkFields } from "../results/result-fields.ts"
import type { ResultPlaces } from "../results/result-places.ts"
import type { ResultTable } from "../results/table/result-table.ts"
import type { RunPage } from "../ui/run-page.ts"
import type { Interruption } from "./interruption.ts"
import type { RunLimits } from "./options/run-limits.ts"
import type { RunCommandOptions } from "./options/run-options.ts"
import type { Variants } from "../variants/variant.ts"

/** A run that makes sense: what its command said, and its journal. */
export interface CheckedRun {
  readonly files: readonly string[]
  /** As it was named. */
  readonly out: string
  /** Of lines. */
  readonly places: ResultPlaces
  /** Where `out` is one. */
  readonly table: ResultTable | undefined
  readonly fields: readonly string[]
  readonly variants: Variants
  readonly config: SluiceConfig
  readonly limits: RunLimits
  readonly lane: Lane
  readonly options: RunCommandOptions
  readonly journal: SqliteJournal
  readonly run: SqliteRunJournal
  readonly total: number | undefined
  /** Of inputs that were read before the run. */
  readonly remarks: MessageRemarks
  /** The journal that stays. */
  readonly path: string | undefined
  /** The journal knew nothing of this run. */
  readonly isNew: boolean
  /** Heard from the first moment on, until somebody else listens to Ctrl-C. */
  readonly interruption: Interruption
  readonly stopListening: () => void
  /** Where the run is looked at, with `--ui`. */
  readonly page: RunPage | undefined
}

/** What is checked of each input before it is asked about. */
export function fitting(variants: Variants, fields: readonly string[]): (input: Input, index: number) => void {
  const vendors = variants.map(({ model }) => parseModelName(model).vendor)
  return ({ record, where }, index) => {
    for (const [at, { question }] of variants.entries()) {
      question.messages(record, where)
      for (const attachment of question.attachments?.(record, where) ?? [])
        checkTaken(vendors[at] ?? "", attachment, where)
    }
    if (index === 0) checkFields(fields, record)
  }
}

export function inputOptions(options: RunCommandOptions): InputOptions {
  const { format, encoding, delimiter, folder, only, key, where, skip, sample, seed, limit, attach } = options
  const reading = { format, encoding, delimiter, folder, isAttached: attach !== undefined }
  return { ...reading, only, key, where, skip, sample, seed, limit }
}
