import { createDefine, type Node } from "@sluice/core"
import { systemRuntime } from "@sluice/scheduler"

export interface NoOpShared {
  readonly count: number
  ok?: number
}

/** Items that are nothing: what is left is what spreading them costs. */
export function noOpFlow(): Node<NoOpShared> {
  const { batch } = createDefine(systemRuntime)<NoOpShared>()
  return batch({
    name: "no-op",
    *prep({ count }) {
      for (let item = 0; item < count; item++) yield item
    },
    exec: (item) => item,
    post: (shared, _items, results) => void (shared.ok = results.length),
  })
}
