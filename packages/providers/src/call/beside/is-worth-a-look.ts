import type { FetchContext } from "../context.ts"

const mostPaths = 500

/**
 * Whether `warnOfHole` may have something to say of a POST. Where nobody listens, one word is said in all, and each path is looked at
 * once: its body is read for that.
 */
export function isWorthALook({ onEvent, warned, isLimited }: FetchContext, { host, pathname }: URL): boolean {
  if (onEvent) return true
  if (warned.has("not-limited")) return false
  if (isLimited) return true
  const look = `looked at ${host}${pathname}`
  if (warned.has(look) || warned.size > mostPaths) return false
  warned.add(look)
  return true
}
