/**
 * Tells accounts apart without keeping what tells them apart: 53 bits of a hash of the credentials, of which no more
 * than these twelve digits are ever held. A key cannot be computed back from it.
 *
 * Source: cyrb53, public domain, bryc.
 *
 * @example
 * ```ts
 * accountLabel(["Bearer sk-1"]) === accountLabel(["Bearer sk-2"]) // => false
 * ```
 */
export function accountLabel(credentials: readonly (string | null | undefined)[]): string {
  let high = 0xdeadbeef
  let low = 0x41c6ce57
  for (const credential of credentials) {
    const text = `${credential ?? ""}\n`
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      high = Math.imul(high ^ code, 2654435761)
      low = Math.imul(low ^ code, 1597334677)
    }
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909)
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909)
  return (4294967296 * (2097151 & low) + (high >>> 0)).toString(16).padStart(14, "0").slice(0, 12)
}
