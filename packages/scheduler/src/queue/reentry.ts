import { SluiceError, type Limiter, type TaskScope } from "@sluice/core"

/** Per limiter: scopes that hold one of its permits and wait, somewhere inside, for another. */
const stuck = new WeakMap<Limiter, Map<TaskScope, number>>()

/**
 * Called by a limiter when a call in `scope` has to wait. Tasks that hold a permit and wait for another of the same limiter
 * give nothing back; once all `capacity` permits are held by such tasks, nobody ever will.
 *
 * Returns a function to call when the wait is over, or nothing when `scope` holds no permit of `limiter`.
 *
 * @throws SluiceError `limiter-reentry` naming both sites, when this wait would be the one that closes the circle.
 */
export function assertNoReentry(
  limiter: Limiter,
  scope: TaskScope | undefined,
  capacity: number = 1,
): (() => void) | undefined {
  const holders = holdersOf(limiter, scope)
  const [nearest] = holders
  if (!nearest) return undefined
  const waits = stuck.get(limiter) ?? new Map<TaskScope, number>()
  let permits = 0
  for (const holder of new Set([...waits.keys(), ...holders])) permits += countHeld(limiter, holder)
  if (permits >= capacity) throw reentry(nearest.site, scope?.site ?? "outside any item", permits, capacity)
  stuck.set(limiter, waits)
  for (const holder of holders) waits.set(holder, (waits.get(holder) ?? 0) + 1)
  return () => {
    for (const holder of holders) {
      const left = waits.get(holder)! - 1
      if (left > 0) waits.set(holder, left)
      else waits.delete(holder)
    }
  }
}

/** The scopes from `scope` outwards that hold a permit of `limiter` which they have not lent. */
function holdersOf(limiter: Limiter, scope: TaskScope | undefined): TaskScope[] {
  const holders: TaskScope[] = []
  for (let each = scope; each; each = each.parent) if (each.held?.includes(limiter)) holders.push(each)
  return holders
}

function countHeld(limiter: Limiter, scope: TaskScope): number {
  return scope.held?.filter((each) => each === limiter).length ?? 0
}

function reentry(heldAt: string, wantedAt: string, held: number, capacity: number): SluiceError {
  return new SluiceError(
    "limiter-reentry",
    `${wantedAt} waits for a permit of the limiter that ${heldAt}, around it, holds: ${held} of ${capacity} permits are held by ` +
      "tasks that wait for another. Admit once, or start the inner work with parallelMap and the same limiter, which lends the place.",
    { details: { heldAt, wantedAt, held, capacity } },
  )
}
