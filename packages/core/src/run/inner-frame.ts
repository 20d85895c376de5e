import type { Params } from "../scope/context.ts"
import type { Work } from "../scope/work.ts"
import type { Frame } from "./frame.ts"

/** The frame of what runs inside a node. `record`: see `innerRecord`. */
export function innerFrame(work: Work, record: string, params: Params = work.params): Frame {
  const { frame } = work
  const inner: Frame = {
    run: frame.run,
    path: work.path,
    record,
    site: work.ownSite,
    params,
    signal: work.signal,
    spanId: work.spanId,
    priority: work.priority,
    visits: frame.visits && new Map(),
    at: "",
  }
  work.inside = inner
  return inner
}
