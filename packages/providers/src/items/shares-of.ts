import type { Cost, TaskScope } from "@sluice/core"

/** What one of those who share a request owes of it. */
export interface Share {
  readonly scope: TaskScope | undefined
  readonly cost: Cost
}

/** The scope of a request that several share. */
export interface SharedScope extends TaskScope {
  shares(cost: Cost): readonly Share[]
}

/** Who pays for a call made in `scope`. */
export function sharesOf(scope: TaskScope | SharedScope | undefined, cost: Cost): readonly Share[] {
  return scope && "shares" in scope ? scope.shares(cost) : [{ scope, cost }]
}
