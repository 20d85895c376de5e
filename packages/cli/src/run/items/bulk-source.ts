import { SluiceError } from "@sluice/core"
import { duplicateKey } from "../../input/input.ts"
import { emptyInput } from "../../input/read-input.ts"
import { untilAborted } from "../../input/until-aborted.ts"
import { usageError } from "../../usage-error.ts"
import { type BulkItem, bulkItem } from "./bulk-item.ts"
import type { BulkRunOptions } from "./bulk-run-options.ts"

/** The inputs of a run as its items. */
export class BulkSource {
  readonly #options: BulkRunOptions
  /** What ended the inputs early. */
  error: unknown

  constructor(options: BulkRunOptions) {
    this.#options = options
  }

  /** Ends when `noMore` is aborted. An input that cannot be read must not cost the calls that are in flight: the source ends, and `error` has why. */
  async *items(noMore: AbortSignal): AsyncGenerator<BulkItem, void, undefined> {
    const { inputs, files, variants } = this.#options
    let index = 0
    try {
      for await (const input of untilAborted(inputs, noMore)) {
        for (const at of variants.keys()) {
          const item = bulkItem(input, index, at, this.#options)
          this.#checkUnseen(item)
          yield item
        }
        index++
      }
      if (noMore.aborted) return
      if (index === 0) throw emptyInput("the input")
      // Inputs that were taken away take their lines with them.
      if (files.written > index) files.restart()
    } catch (error) {
      this.error = error
    }
  }

  /** A file was looked at beforehand, and its answers have followed their lines; here nobody knows what comes next. */
  #checkUnseen(item: BulkItem): void {
    const { identity, where, index } = item
    const { check, hasAnswers, acceptChanges, run } = this.#options
    check?.(item, index)
    if (!check || this.#isSettled(item) || !hasAnswers || acceptChanges) return
    if (identity.key !== undefined || !run.holds(identity)) return
    throw usageError(
      `${where}: not the input that was answered there: lines changed or moved. Name a file, so that answers can follow their lines, or name each input with --key; --accept-changes asks again about every line that differs.`,
    )
  }

  /** Asking about a key claims it. */
  #isSettled({ identity, where }: BulkItem): boolean {
    try {
      return this.#options.run.find(identity) !== undefined
    } catch (error) {
      if (!SluiceError.isInstance(error) || error.code !== "duplicate-key") throw error
      throw duplicateKey(identity.key ?? "", where, undefined, error)
    }
  }
}
