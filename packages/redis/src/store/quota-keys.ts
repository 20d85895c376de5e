import { createHash, createHmac } from "node:crypto"

/** The format of what is kept. Another one has keys of its own. */
const format = 1

/** Where one quota is kept. The braces keep all of it in one slot of a cluster. */
export interface QuotaKeys {
  readonly tag: string
  readonly keys: readonly string[]
  readonly bus: string
}

export function quotaKeys(identity: string, secret: string | undefined): QuotaKeys {
  const hash = secret === undefined ? createHash("sha256") : createHmac("sha256", secret)
  return keysOf(hash.update(identity).digest("hex").slice(0, 16))
}

export function keysOf(tag: string): QuotaKeys {
  const own = ["q", "seen", "told", "places", "heard", "lost", "asking"]
  return {
    tag,
    keys: own.map((name) => `sluice:${format}:{${tag}}:${name}`),
    bus: `sluice:${format}:{${tag}}:bus`,
  }
}

/** Finds every quota that a server keeps. */
export const everyQuota: string = `sluice:${format}:{*}:q`
