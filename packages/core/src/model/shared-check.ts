import { SluiceError } from "../errors.ts"
import type { MaybePromise } from "../maybe-promise.ts"

/** The part of Standard Schema (standardschema.dev, version 1) that is used: zod, Valibot, ArkType and others have it. */
export interface StandardSchema<Output> {
  readonly "~standard": {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => MaybePromise<StandardResult<Output>>
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}

type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] }

interface StandardIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** How `define(schema)` checks the state of its runs. */
export interface SharedCheck {
  readonly schema: StandardSchema<unknown>
  /** `"posts"`: after each `post` too. Default `"start"`. */
  readonly at: "start" | "posts"
}

/**
 * Checks `shared` and leaves it as it is: nodes write to the caller's own object, so a copy with defaults would be lost.
 * Errors: `invalid-shared`, naming each path.
 */
export async function checkShared(check: SharedCheck, shared: unknown, when: string): Promise<void> {
  const result = await check.schema["~standard"].validate(shared)
  if (!result.issues) return
  const lines = result.issues.map(({ message, path }) => {
    const keys = (path ?? []).map((part) => String(typeof part === "object" ? part.key : part))
    return `shared${keys.map((key) => `.${key}`).join("")}: ${message}`
  })
  throw new SluiceError("invalid-shared", `The shared state does not fit its schema ${when}. ${lines.join("; ")}`, {
    details: { issues: result.issues },
  })
}
