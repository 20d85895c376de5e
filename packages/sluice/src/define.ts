import { createDefine, type Define } from "@sluice/core"
import { systemRuntime } from "@sluice/scheduler"

/**
 * Kinds of nodes over one type of shared state, run on the machine's clock: batches and batch flows go in parallel,
 * as many items at once as the quota behind their calls admits.
 *
 * @example
 * ```ts
 * const { batch } = define<{ texts: string[]; lengths: number[] }>()
 * const measure = batch({
 *   name: "measure",
 *   prep: (shared) => shared.texts,
 *   exec: async (text) => text.length,
 *   post: (shared, texts, lengths) => { shared.lengths = lengths },
 * })
 * const shared = { texts: ["one", "three"], lengths: [] }
 * await measure.run(shared)
 * shared.lengths // => [3, 5]
 * ```
 */
export const define: Define = createDefine(systemRuntime)
