import type { Permit } from "@sluice/core"
import type { Quota } from "@sluice/scheduler"
import { member, RestingClock } from "./kit.ts"
import type { AskedMember } from "./member-process.ts"
import { syncStore } from "./sync-store.ts"

/** A member of a shared quota in a process of its own, whose clock is moved from outside. */
const store = await syncStore(process.env["SLUICE_REDIS"]!)
let clock = new RestingClock()
let quota: Quota
const permits = new Map<number, Permit>()
const waiting = new Map<number, AbortController>()

process.on("message", (asked: AskedMember) => void answer(asked))
process.on("disconnect", () => process.exit(0))
process.send!("ready")

async function answer(asked: AskedMember): Promise<void> {
  switch (asked.what) {
    case "join":
      clock = new RestingClock({ startMs: 5_000 })
      quota = member({ concurrency: asked.concurrency }, { store, clock, name: asked.name })
      return void process.send!("done")
    case "advance":
      // What was published meanwhile is heard with it.
      store.commandNow("PING")
      await clock.advance(asked.ms)
      return void process.send!("done")
    case "admit":
      return admit(asked.id)
    case "abort":
      return waiting.get(asked.id)?.abort()
    default:
      permits.get(asked.id)?.settle(asked.end)
  }
}

async function admit(id: number): Promise<void> {
  const controller = new AbortController()
  waiting.set(id, controller)
  const permit = await quota.admit({}, { signal: controller.signal }).catch(() => undefined)
  if (!permit) return
  permits.set(id, permit)
  process.send!({ admitted: id })
}
