import { createDefine, type Define } from "@sluice/core"
import { parallelExecutor } from "./parallel-executor.ts"
import { VirtualTime } from "./virtual-time.ts"

/** A `define` that runs in parallel under virtual time. */
export function parallel(): {
  readonly time: VirtualTime
  readonly define: Define
} {
  const time = new VirtualTime()
  let state = 1
  const random = { next: () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647 }
  return { time, define: createDefine({ clock: time, random, executor: parallelExecutor(time) }) }
}
