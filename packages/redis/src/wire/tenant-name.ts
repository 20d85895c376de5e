import { createHash } from "node:crypto"

const names = new Map<string, string>()
const mostNames = 10_000

/** How a tenant is called in Redis: its own name stays here. */
export function tenantName(tenant: string): string {
  let name = names.get(tenant)
  if (name === undefined) {
    if (names.size >= mostNames) names.clear()
    names.set(tenant, (name = createHash("sha256").update(tenant).digest("hex").slice(0, 8)))
  }
  return name
}
