import { randomUUID } from "node:crypto"
import type { AdmitOptions, Cost, Permit } from "@sluice/core"
import { createVirtualVendor, oracle, seededRandom, type VendorOptions, VirtualClock } from "@sluice/lab"
import { type Quota, quotaOn, type QuotaOptions } from "@sluice/scheduler"
import { LedgerEvents } from "../../src/ledger-events.ts"
import { Learner } from "../../src/learner.ts"
import { SharedLedger } from "../../src/shared-ledger.ts"
import { quotaKeys } from "../../src/store/quota-keys.ts"
import type { Store } from "../../src/store/store.ts"

export interface FleetOptions {
  readonly store: Store
  readonly processes: number
  /** Of each process, all of which wait from the first moment on. */
  readonly calls: number
  readonly told: QuotaOptions
  readonly vendor: VendorOptions
  readonly seed?: number
  /** How long a process takes to send a call, one after the other, on average; and every second process its first one besides. */
  readonly sendMs?: number
  readonly firstMs?: number
  /** When a process dies: the one that learns then. */
  readonly deathsMs?: readonly number[]
  /** The server answers nobody between these two moments; meanwhile each process goes on with its share, for 15 s. */
  readonly goneMs?: readonly [number, number]
  /** It still has what it had. */
  readonly keepsData?: boolean
  /** What does not come to an end by then has hung. Default an hour. */
  readonly giveUpMs?: number
}

export interface FleetReport {
  /** How many calls ended how: `answered`, `failed` (three times by the vendor), `refused` (20 times), `died` with their process, an error's code. */
  readonly ends: Readonly<Record<string, number>>
  /** Calls that are still somewhere when time is up. */
  readonly hung: number
  readonly refused: number
  readonly tookMs: number
  /** Of the least time in which somebody who knows everything has the same calls answered. */
  readonly times: number
}

const maxRefusals = 20
const maxAttempts = 3
const cost: Cost = { requests: 1, inputTokens: 10, outputTokens: 20 }

/** Processes that share one quota on a real server, in virtual time, before one virtual vendor; each sends its calls one after the other. */
export async function virtualFleet(options: FleetOptions): Promise<FleetReport> {
  const {
    store,
    processes,
    calls,
    told,
    vendor: truth,
    seed = 1,
    sendMs = 0,
    firstMs = 0,
    deathsMs = [],
    goneMs,
    keepsData = false,
  } = options
  const clock = new VirtualClock({ startMs: 5_000 })
  const vendor = createVirtualVendor({ ...truth, seed, clock, networkMs: 1, networkJitterMs: 5 })
  const random = seededRandom(seed)
  const name = randomUUID()
  const keys = quotaKeys(name, undefined)
  const serverNow = (): number => 1_000_000 + clock.now()
  const never = new Promise<never>(() => {})
  const deaths = Array.from({ length: processes }, () => Promise.withResolvers<"died">())
  const dead = new Set<number>()
  let learner = 0
  let refused = 0
  let open = processes * calls
  const ends: Record<string, number> = {}
  let isGone = false
  const returns: (() => void)[] = []

  const process = (at: number): void => {
    const own: Store = {
      ...store,
      get isReady() {
        return !isGone
      },
      onReady: (hear) => void returns.push(hear),
      async run(script, names, args) {
        if (dead.has(at)) return never
        if (isGone) throw new Error("Connection is closed.")
        if (names.length === 1) learner = at
        const answer = await store.run(script, names, args)
        // On its way for a moment.
        await new Promise<void>((resolve) => void clock.setTimer(1 + random.next(), resolve))
        if (isGone) throw new Error("Connection is closed.")
        return dead.has(at) ? never : answer
      },
    }
    const quotaOptions: QuotaOptions = { ...told, clock, name: `process ${at}` }
    const learns = { ...quotaOptions, random: seededRandom(seed * 31 + at) }
    const ledger = new SharedLedger(quotaOptions, {
      store: own,
      keys,
      label: name,
      events: new LedgerEvents(name, undefined, clock),
      member: `m${at}`,
      newName: randomUUID,
      offline: goneMs ? { does: "share", forMs: 15_000, share: 1 } : { does: "wait", forMs: 0, share: 0 },
      clock,
      serverNow,
      learner: new Learner(learns, { store: own, keys, serverNow }),
    })
    const quota = quotaOn(ledger, quotaOptions)
    let freeMs = 0
    let isFirst = true
    const sent = async (): Promise<void> => {
      freeMs = Math.max(clock.now(), freeMs) + sendMs * (0.5 + random.next()) + (isFirst && at % 2 === 1 ? firstMs : 0)
      isFirst = false
      if (freeMs > clock.now()) await new Promise<void>((resolve) => void clock.setTimer(freeMs - clock.now(), resolve))
    }
    for (let call = 0; call < calls; call++) {
      const id = `${at}-${call}`
      const answered = carry(quota, id, sent).catch(
        ({ code, message }: Error & { readonly code?: string }) => code ?? message,
      )
      void Promise.race([answered, deaths[at]!.promise]).then((end) => {
        ends[end] = (ends[end] ?? 0) + 1
        if (--open === 0) done()
      })
    }
  }

  const carry = async (quota: Quota, id: string, sent: () => Promise<void>): Promise<string> => {
    let [failures, refusals] = [0, 0]
    let since = clock.now()
    for (;;) {
      const again: AdmitOptions = { since }
      const permit: Permit = await quota.admit(cost, again)
      await sent()
      const answer = await vendor.call({ id, inputTokens: 10, outputTokens: 20 }).catch(() => undefined)
      const heard = { ...(answer?.limits && { limits: answer.limits }), ...delayOf(answer?.retryAfterMs) }
      if (answer?.status === 200) {
        permit.settle({ outcome: "success", actual: cost, ...heard })
        return "answered"
      }
      const actual = { requests: 1 }
      if (answer?.refusal) permit.settle({ outcome: "throttled", actual, ...answer.refusal, ...heard })
      else permit.settle({ outcome: "failed", actual, ...delayOf(answer?.retryAfterMs) })
      if (answer?.status === 429) {
        refused++
        if (++refusals > maxRefusals) return "refused"
        continue
      }
      refusals = 0
      if (++failures >= maxAttempts) return "failed"
      const delayMs = (answer?.retryAfterMs ?? 500 * 2 ** failures) * (0.5 + random.next())
      await new Promise<void>((resolve) => void clock.setTimer(delayMs, resolve))
      since = clock.now()
    }
  }

  const { promise: isDone, resolve: done } = Promise.withResolvers<void>()
  for (let at = 0; at < processes; at++) process(at)
  for (const atMs of deathsMs)
    clock.setTimer(atMs, () => {
      // One is left to go on.
      if (dead.size === processes - 1 || dead.has(learner)) return
      dead.add(learner)
      deaths[learner]!.resolve("died")
    })
  const fromMs = clock.now()
  if (goneMs) {
    clock.setTimer(goneMs[0], () => void (isGone = true))
    clock.setTimer(goneMs[1], () => {
      void (keepsData ? Promise.resolve() : store.command("DEL", ...keys.keys)).then(() => {
        isGone = false
        // Each finds its connection again a little later.
        for (const hear of returns) clock.setTimer(200 * random.next(), hear)
      })
    })
  }
  clock.setTimer(options.giveUpMs ?? 3_600_000, done)
  await clock.run(isDone)
  const all = Array.from({ length: processes * calls }, () => ({ inputTokens: 10, outputTokens: 20 }))
  const tookMs = clock.now() - fromMs
  return { ends, hung: open, refused, tookMs, times: tookMs / oracle(all, { ...truth, seed, networkMs: 1 }).timeMs }
}

function delayOf(retryAfterMs: number | undefined): { readonly retryAfterMs?: number } {
  return retryAfterMs === undefined ? {} : { retryAfterMs }
}
