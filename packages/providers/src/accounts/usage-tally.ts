import type { Cost, EventSink, SluiceEvent } from "@sluice/core"
import { addCosts, checkOptions, flag } from "@sluice/core/internal"

/** What was used, in all and apart. */
export interface UsageReport {
  readonly total: Cost
  /** By run id. */
  readonly byRun: Readonly<Record<string, Cost>>
  /** By the path of the node; calls outside any flow are under `""`. */
  readonly byNode: Readonly<Record<string, Cost>>
  /** By the tenant of `keyBy`, else by the account. */
  readonly byTenant: Readonly<Record<string, Cost>>
  readonly byModel: Readonly<Record<string, Cost>>
  /** By `node[index]`; empty unless asked for. */
  readonly byItem: Readonly<Record<string, Cost>>
}

/** Adds usage up, from events. */
export interface UsageTally {
  /** For `onEvent` of `limitedFetch` and of the runs: both, so that it knows the nodes. */
  readonly onEvent: EventSink
  report(): UsageReport
}

/**
 * Adds up what calls used and cost, by run, node, tenant and model.
 *
 * Counts each call once, also when a run and its calls tell the same sink. Memory grows with the number of runs, nodes,
 * tenants and models; with `items` also with the number of items.
 *
 * @example
 * ```ts
 * const tally = usageTally()
 * tally.onEvent({ type: "usage", atMs: 0, cost: { requests: 1, inputTokens: 10, usd: 0.01 }, model: "m" })
 * tally.report().byModel // => { m: { requests: 1, inputTokens: 10, usd: 0.01 } }
 * ```
 */
export function usageTally(options: { readonly items?: boolean } = {}): UsageTally {
  checkOptions<{ items?: boolean }>("usageTally", options, { items: flag })
  const sums = {
    byRun: new Map<string, Cost>(),
    byNode: new Map<string, Cost>(),
    byTenant: new Map<string, Cost>(),
    byModel: new Map<string, Cost>(),
    byItem: new Map<string, Cost>(),
  }
  let total: Cost = {}
  const counted = new WeakMap<Cost, { told: boolean }>()
  // Spans that are open, under their run's id: ids of spans are a run's own.
  const spans = new Map<string, { readonly node: string; readonly index?: number }>()
  const add = (sum: Map<string, Cost>, name: string | undefined, cost: Cost): void => {
    if (name !== undefined) sum.set(name, addCosts(sum.get(name) ?? {}, cost))
  }

  const use = (event: SluiceEvent & { type: "usage" }): void => {
    const { cost, model, account, tenant } = event
    const isFirst = !counted.has(cost)
    const seen = counted.get(cost) ?? { told: false }
    counted.set(cost, seen)
    if (isFirst) {
      total = addCosts(total, cost)
      add(sums.byRun, event.runId, cost)
      const span = spans.get(`${event.runId}/${event.spanId}`)
      add(sums.byNode, span?.node ?? "", cost)
      if (options.items && span?.index !== undefined) add(sums.byItem, `${span.node}[${span.index}]`, cost)
    }
    // A run that has another sink tells it again, and knows no model; the call itself does.
    if (seen.told || (model === undefined && account === undefined)) return
    seen.told = true
    add(sums.byModel, model, cost)
    add(sums.byTenant, tenant ?? account, cost)
  }

  return {
    onEvent(event) {
      if (event.type === "usage") return use(event)
      if (event.type === "node-start") spans.set(`${event.runId}/${event.spanId}`, { node: event.node })
      else if (event.type === "item-start")
        spans.set(`${event.runId}/${event.spanId}`, { node: event.node, index: event.index })
      else if (event.type === "node-end" || event.type === "item-end") spans.delete(`${event.runId}/${event.spanId}`)
    },
    report: () => ({
      total,
      byRun: Object.fromEntries(sums.byRun),
      byNode: Object.fromEntries(sums.byNode),
      byTenant: Object.fromEntries(sums.byTenant),
      byModel: Object.fromEntries(sums.byModel),
      byItem: Object.fromEntries(sums.byItem),
    }),
  }
}
