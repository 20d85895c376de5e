import { limitWords } from "../../page/src/chart/mark-words.ts"
import type { LabState } from "../src/page/wire.ts"

/** A limit of which it is known how much is left. */
export interface KnownLimit {
  readonly name: string
  readonly limit: number
  readonly remaining: number
}

export function limitsOf({ limits }: Pick<LabState, "limits">): KnownLimit[] {
  return limits.flatMap(({ dimension, limit, remaining }) =>
    limit === undefined || remaining === undefined ? [] : { name: limitWords(dimension), limit, remaining },
  )
}
