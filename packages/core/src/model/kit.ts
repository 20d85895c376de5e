import type { Runtime } from "../ports/runtime.ts"
import type { SharedCheck } from "./shared-check.ts"

/** What `define` binds its nodes to. */
export interface Kit<Shared> {
  readonly runtime: Runtime
  readonly check: SharedCheck | undefined
  /** Only a type. */
  readonly shared?: Shared
}
