import type { Params, Work } from "./context.ts"
import type { Frame } from "./frame.ts"

/** The frame of what runs inside a node. `record`: see `visits.ts`. */
export function innerFrame(work: Work, record: string, params: Params = work.params): Frame {
  const { frame } = work
  return {
    run: frame.run,
    path: work.path,
    record,
    site: work.site,
    params,
    signal: work.signal,
    spanId: work.spanId,
    priority: work.priority,
    visits: frame.visits && new Map(),
  }
}
