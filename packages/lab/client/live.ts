import { listen } from "../../page/client/live/listen.ts"
import { Store } from "../../page/client/live/store.ts"
import type { LabNews, LabState } from "../src/page/wire.ts"
import { History } from "./history.ts"

export interface LabLive {
  /** Absent until the vendor has told it. */
  readonly state?: LabState
  readonly history: History
  readonly isLost: boolean
}

export const live: Store<LabLive> = new Store<LabLive>({ history: new History(), isLost: false })

/** Follows the vendor as long as the page is open. */
export function connect(): void {
  listen(
    "/lab/live",
    {
      news(told) {
        const { state, seconds } = told as LabNews
        const before = live.current
        const history = before.state?.life === state.life ? before.history : new History()
        history.take(state, seconds)
        live.become({ state, history, isLost: false })
      },
    },
    () => live.become({ ...live.current, isLost: true }),
  )
}

/** Resolves to what went wrong, if anything did. */
export async function startAfresh(): Promise<string | undefined> {
  try {
    const response = await fetch("/lab/reset", { method: "POST" })
    return response.ok ? undefined : await response.text()
  } catch {
    return "The vendor does not answer."
  }
}
