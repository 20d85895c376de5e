import type { Account } from "../../accounts/account.ts"
import { accountLabels, marksOf } from "../../accounts/account-label.ts"
import type { FetchContext } from "../context.ts"
import { headerReader } from "../../http/request.ts"
import type { ModelCall, Vendor } from "../../vendors/vendor.ts"

/** Where the keys are for. */
export interface KeyedCall {
  readonly vendor: Vendor
  readonly call: ModelCall
  readonly url: URL
}

/** The keys of one call, each tried at most once. */
export interface KeyRing {
  /** The request under the untried key with the most room for this model; as it is where there are no keys. */
  next(init: RequestInit, model: string): { readonly init: RequestInit; readonly done: () => void }
  /** Whether a key is left that was not tried. */
  more(): boolean
}

export function keyRing(context: FetchContext, { vendor, call, url }: KeyedCall, keys: readonly string[]): KeyRing {
  const left = new Set(keys)
  return {
    more: () => left.size > 0,
    next(init, model) {
      let best:
        | { readonly key: string; readonly init: RequestInit; readonly account: Account; readonly room: number }
        | undefined
      for (const key of left) {
        const keyed = withKey(vendor, init, key)
        const labels = accountLabels(vendor, call, url, headerReader("", keyed))
        const account = context.accounts.account(vendor.name, labels.account, labels.identity)
        const room = account.isRefused(marksOf(labels, model)) ? -Infinity : roomOf(context, account, model)
        if (!best || room > best.room) best = { key, init: keyed, account, room }
      }
      if (!best) return { init, done: () => {} }
      const { account } = best
      left.delete(best.key)
      account.sending++
      return { init: best.init, done: () => void account.sending-- }
    },
  }
}

/** The share of the tightest limit that is free; negative where calls wait or the gate is shut. */
function roomOf(context: FetchContext, account: Account, model: string): number {
  const state = context.accounts.stateOf(account, model)
  if (!state) return 1 - account.sending * 1e-6
  if (state.gate.state === "closed") return -1e6 - (state.gate.reopensInMs ?? 0)
  if (state.waiting > 0) return -state.waiting
  const free = Math.min(1, ...state.limits.map((limit) => limit.level / limit.limit))
  // Between equals, whoever does less: calls of this very moment have no permit yet, and a learned quota no limit.
  return free - account.sending * 1e-6
}

function withKey(vendor: Vendor, init: RequestInit, key: string): RequestInit {
  const headers = new Headers(init.headers)
  putKey(vendor, headers, key)
  return { ...init, headers }
}

/** Replaces the secret in a request's headers. */
export function putKey(vendor: Vendor, headers: Headers, key: string): void {
  const name = vendor.accountHeaders.find((each) => headers.has(each)) ?? vendor.accountHeaders[0] ?? "authorization"
  const isBearer = name === "authorization"
  headers.set(name, isBearer ? `Bearer ${key}` : key)
}
