import { runInScope, Scope, type MapOptions, type Outcome, type TaskScope } from "@sluice/core"
import { failurePolicy } from "@sluice/core/internal"
import { lendPermit } from "../item/lent-permit.ts"
import type { ItemPlan } from "../item/plan.ts"
import { runItem } from "../item/run-item.ts"

/**
 * A map of one item. It does what `Mapping` does, without workers, slots and a window, which cost more than the item itself.
 *
 * Its signal is that of its caller: no other item can fail, and whoever takes the outcome waits for it.
 */
export async function* singleMap<I, O>(
  item: I,
  plan: ItemPlan<I, O>,
  options: MapOptions,
  parent: TaskScope | undefined,
): AsyncGenerator<Outcome<O>, void, undefined> {
  const { work, policy } = plan
  const signal = signalOf(options.signal, parent?.signal)
  if (signal.aborted) throw signal.reason
  const scope = work.open?.(item, 0, signal) ?? new Scope(parent, 0, signal, options.priority)
  const takeBack = policy.limiter && lendPermit(policy.limiter, parent)
  let outcome: Outcome<O>
  try {
    outcome = await runInScope(scope, runItem<I, O>, item, scope, plan)
  } catch (error) {
    work.dropped?.(error, item, scope)
    throw error
  } finally {
    if (takeBack) await takeBack()
  }
  if (signal.aborted) throw signal.reason
  const stop = failurePolicy(options.onError ?? "stop")(outcome)
  if (stop?.code !== "item-failed") yield outcome
  if (stop) throw stop
}

function signalOf(own: AbortSignal | undefined, around: AbortSignal | undefined): AbortSignal {
  const signal = own ?? around ?? new AbortController().signal
  return around && around !== signal ? AbortSignal.any([signal, around]) : signal
}
