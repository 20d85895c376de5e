import type { InContext } from "../../runtime/async-context.ts"

/** What was told of a call that waits. */
export interface ToldWait {
  readonly blockedBy: string
  /** Where the call was made: who lets it go is somebody else. */
  readonly inContext: InContext
}
