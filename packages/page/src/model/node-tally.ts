import type { NodeCounts } from "../wire.ts"
import { RateWindow } from "./rate-window.ts"

interface NodeWork {
  inFlight: number
  ok: number
  failed: number
  readonly rate: RateWindow
}

/** What each node of a flow does: its items, or its runs where it has none. */
export class NodeTally {
  readonly #nodes = new Map<string, NodeWork>()

  started(node: string): void {
    this.#of(node).inFlight++
  }

  ended(node: string, status: "ok" | "failed" | "cancelled", atMs: number, isReplayed = false): void {
    const counted = this.#of(node)
    counted.inFlight = Math.max(0, counted.inFlight - 1)
    if (status === "cancelled") return
    counted[status]++
    if (!isReplayed) counted.rate.add(atMs, 1)
  }

  state(atMs: number, isOver: boolean): Record<string, NodeCounts> {
    return Object.fromEntries(
      Array.from(this.#nodes, ([node, { inFlight, ok, failed, rate }]) => [
        node,
        { inFlight, ok, failed, perMinute: isOver ? 0 : rate.perMinute(atMs, 30_000) },
      ]),
    )
  }

  #of(node: string): NodeWork {
    let counted = this.#nodes.get(node)
    if (!counted) this.#nodes.set(node, (counted = { inFlight: 0, ok: 0, failed: 0, rate: new RateWindow() }))
    return counted
  }
}
