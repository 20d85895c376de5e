import { hashText } from "./hash-text.ts"

/**
 * Tells accounts apart without keeping what tells them apart: of a hash of the credentials, no more than twelve digits
 * are ever held. A key cannot be computed back from them.
 *
 * @example
 * ```ts
 * accountLabel(["Bearer sk-1"]) === accountLabel(["Bearer sk-2"]) // => false
 * ```
 */
export function accountLabel(credentials: readonly (string | null | undefined)[]): string {
  return hashText(credentials.map((credential) => credential ?? "")).slice(0, 12)
}
