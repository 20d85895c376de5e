import type { Settlement, Clock, Limiter, Permit } from "@sluice/core"
import { createQuota } from "@sluice/scheduler"
import { describe, expect, it } from "vitest"
import { testQuota, type CreateQuota, type ToldQuota, type ToldRate } from "../../src/index.ts"
import { failuresOf, namesOf } from "./failures-of.ts"

type Admit = Limiter["admit"]

/** A right quota whose calls, or whose permits, pass through a flaw. */
const through =
  (flaw: {
    admit?: (admit: Admit, clock: Clock) => Admit
    settle?: (permit: Permit) => Permit["settle"]
  }): CreateQuota =>
  (options) => {
    const quota = createQuota(options)
    const right: Admit = (...args) => quota.admit(...args)
    const admit = flaw.admit?.(right, options.clock) ?? right
    return {
      tryAdmit: (cost) => quota.tryAdmit(cost),
      async admit(...args) {
        const permit = await admit(...args)
        return { settle: flaw.settle?.(permit) ?? permit.settle.bind(permit) }
      },
    }
  }

/** The same end, without a word of the vendor's. */
const silent = ({ outcome, actual }: Settlement): Settlement =>
  outcome === "throttled" ? { outcome, actual, reason: "rate" } : { outcome, actual }

/** Told of a rate so many times as high, and deaf to what the vendor says of it. */
const misjudging = (factor: number): CreateQuota => {
  const deaf = through({ settle: (permit) => (end) => permit.settle(silent(end)) })
  const misjudged = (rate: number | ToldRate): number | ToldRate =>
    typeof rate === "number" ? rate * factor : { ...rate, limit: rate.limit * factor }
  return ({ clock, random, concurrency, ...told }) => {
    const rates = Object.entries(told).map(([name, rate]) => [name, misjudged(rate)])
    return deaf({ clock, random, ...(concurrency && { concurrency }), ...(Object.fromEntries(rates) as ToldQuota) })
  }
}

/** Asks one limiter after the other, and holds the first one's permit while it waits for the second's. */
const oneByOne: CreateQuota = ({ clock, random, requestsPerMinute, ...rest }) => {
  const requests = createQuota({ clock, random, ...(requestsPerMinute && { requestsPerMinute }) })
  const others = createQuota({ clock, random, ...rest })
  return {
    tryAdmit: () => undefined,
    async admit(cost, options) {
      const first = await requests.admit({}, options)
      const second = await others.admit(cost, options)
      return {
        settle(end) {
          first.settle({ outcome: end.outcome === "success" ? "success" : "ignored" })
          second.settle(end)
        },
      }
    },
  }
}

/** Looks every 10 ms who fits, the smallest first. */
const smallestFirst: CreateQuota = (options) => {
  const quota = createQuota(options)
  const waiting: { readonly size: number; readonly go: (permit: Permit) => void }[] = []
  const look = (): void => {
    waiting.sort((a, b) => a.size - b.size)
    const [first] = waiting
    const permit = first && quota.tryAdmit({ inputTokens: first.size })
    if (permit) waiting.shift()?.go(permit)
    if (waiting.length > 0) options.clock.setTimer(10, look)
  }
  return {
    tryAdmit: () => undefined,
    async admit(cost) {
      const permit = waiting.length === 0 ? quota.tryAdmit(cost) : undefined
      if (permit) return permit
      return await new Promise((go) => {
        if (waiting.push({ size: cost?.inputTokens ?? 0, go }) === 1) options.clock.setTimer(10, look)
      })
    },
  }
}

/** Everybody waits as long as the vendor said, and then goes at once. */
const herding: CreateQuota = (options) => {
  const quota = createQuota(options)
  let closedUntilMs = 0
  return {
    tryAdmit: () => undefined,
    async admit(...args) {
      const waitMs = closedUntilMs - options.clock.now()
      if (waitMs > 0) await new Promise<void>((resolve) => void options.clock.setTimer(waitMs, resolve))
      const permit = await quota.admit(...args)
      return {
        settle(end) {
          const delayMs = end.outcome === "throttled" ? (end.retryAfterMs ?? 0) : 0
          closedUntilMs = options.clock.now() + delayMs
          permit.settle({ outcome: "ignored", actual: end.actual })
        },
      }
    },
  }
}

const scenario = (name: string): string => `is never refused, and within 3 % of the oracle: ${name}`

const flaws: Record<string, readonly [CreateQuota, ...string[]]> = {
  "5 % too fast": [
    misjudging(1.05),
    ...["requests-bind", "tokens-bind", "full-minute", "told-slices", "told-sliding", "told-fixed"].map(scenario),
  ],
  "5 % too slow": [misjudging(0.95), ...["requests-bind", "told-slices"].map(scenario)],
  "one limiter after the other": [oneByOne, "takes every dimension at once or none"],
  "the estimate stands for ever": [
    through({ settle: (permit) => (end) => permit.settle({ ...end, actual: undefined }) }),
    "gives back what was not used, and collects what was used beyond",
  ],
  "what can never fit is cut to size": [
    through({
      admit: (admit) => (cost, options) =>
        admit({ ...cost, inputTokens: Math.min(cost?.inputTokens ?? 0, 9_000) }, options),
    }),
    "refuses at once what can never fit, in numbers",
  ],
  "deadlines are not looked at": [
    through({
      admit: (admit) => (cost, options) => admit(cost, { ...options, maxWaitMs: 1e9 }),
    }),
    "refuses at once a deadline that cannot be met",
  ],
  "the smallest goes first": [
    smallestFirst,
    "admits in the order of asking, large behind small and small behind large",
  ],
  "tenants are not looked at": [
    through({
      admit: (admit) => (cost, options) => admit(cost, { ...options, tenant: "everybody" }),
    }),
    "shares among tenants: one call of another does not wait for a hundred",
  ],
  "everybody goes when the vendor's delay is over": [
    herding,
    "closes for everybody as long as the vendor says, then sends one ahead",
  ],
  "a refusal is a failure like any other": [
    through({
      settle:
        (permit) =>
        ({ actual }) =>
          permit.settle({ outcome: "ignored", actual }),
    }),
    "closes for everybody as long as the vendor says, then sends one ahead",
    "ends the whole queue with one clear error when the account cannot pay",
    "believes the vendor's headers over what it was told",
  ],
  "time is what the wall clock says": [
    ({ clock, ...options }) =>
      createQuota({
        ...options,
        clock: {
          now: () => clock.wallNow(),
          wallNow: () => clock.wallNow(),
          setTimer: (delayMs, fn) => clock.setTimer(delayMs, fn),
        },
      }),
    "does not notice when the wall clock steps back an hour",
  ],
  "who leaves keeps a place": [
    through({
      admit:
        (admit) =>
        (cost, { signal, ...options } = {}) =>
          Promise.race([
            admit(cost, options),
            new Promise<never>((_resolve, reject) =>
              signal?.addEventListener("abort", () => reject(signal.reason as Error)),
            ),
          ]),
    }),
    "has every permit back, no waiter and no timer left after any mix of ends and aborts",
  ],
  "a timer is left behind": [
    through({
      admit:
        (admit, clock) =>
        (...args) => {
          clock.setTimer(3_600_000, () => {})
          return admit(...args)
        },
    }),
    "has every permit back, no waiter and no timer left after any mix of ends and aborts",
  ],
}

describe("testQuota", () => {
  it.each(Object.entries(flaws))("finds a quota's flaw: %s", async (_flaw, [create, ...names]) => {
    expect(await failuresOf((framework) => testQuota(create, framework), new Set(names))).toEqual(names)
  })

  it("asks nothing that none of these flaws fails", () => {
    const found = new Set(Object.values(flaws).flatMap(([_create, ...names]) => names))
    expect(namesOf((framework) => testQuota(createQuota, framework)).filter((name) => !found.has(name))).toEqual([])
  })
})
