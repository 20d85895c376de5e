import { admission } from "./admission.ts"
import type { Measure } from "./contestant.ts"
import { manyItems } from "./many-items.ts"
import { nodeTransitions } from "./node-transitions.ts"

/** In the report's order. */
export const measures: readonly Measure[] = [manyItems, admission, nodeTransitions]
