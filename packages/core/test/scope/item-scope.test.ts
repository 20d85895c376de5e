import { describe, expect, test } from "vitest"
import {
  countInScope,
  currentScope,
  define,
  enterScope,
  type Limiter,
  type Outcome,
  runInScope,
  Scope,
  sequentialExecutor,
  type SluiceEvent,
} from "@sluice/core"
import { checkOptions, InnerScope, oneOf } from "@sluice/core/internal"
import { parallel } from "../support/parallel.ts"

const { signal } = new AbortController()
const around = { parent: undefined, site: "around", runId: "r", spanId: 7, priority: 3, waiting: 0, holding: 0 }

describe("the scope of an item", () => {
  test("is about what is around it, and so is that of another attempt", () => {
    const spend = (): void => {}
    const item = new Scope({ ...around, spend }, 4, signal)
    const again = item.again(2, new AbortController().signal)
    expect([item.site, item.runId, item.spanId, item.priority, item.spend]).toEqual(["around[4]", "r", 7, 3, spend])
    expect([again.site, again.runId, again.spanId, again.priority, again.spend]).toEqual([
      "around[4]",
      "r",
      7,
      3,
      spend,
    ])
    expect([again.parent, again.item, again.index, again.attempt, item.attempt]).toEqual([item, item, 4, 2, 1])
    const alone = new Scope(undefined, 0, signal)
    expect([alone.site, alone.runId, alone.priority, alone.spend]).toEqual(["parallelMap[0]", undefined, 0, undefined])
  })

  test("inside another scope is everything of that, and has its own name where there is none", () => {
    const spend = (): void => {}
    const inner = new InnerScope({ ...around, spend, signal }, "inner")
    expect([inner.site, inner.runId, inner.spanId, inner.priority]).toEqual(["around", "r", 7, 3])
    expect([inner.spend, inner.signal]).toEqual([spend, signal])
    const alone = new InnerScope(undefined, "inner")
    expect([alone.site, alone.runId, alone.spanId, alone.priority]).toEqual(["inner", undefined, undefined, 0])
    expect([alone.spend, alone.signal]).toEqual([undefined, undefined])
  })

  test("has as many followers as its batch may bring", () => {
    const item = new Scope(around, 0, signal)
    expect(item.followers).toBe(0)
    item.watcher = { followers: () => 3, update: () => {} }
    expect(item.followers).toBe(3)
  })

  test("holds the limiter of its permit while that is not lent, and tells who watches", () => {
    const limiter: Limiter = { admit: () => Promise.reject(new Error("full")), tryAdmit: () => undefined }
    const item = new Scope(around, 0, signal, 9, 11)
    const seen: unknown[] = []
    item.onChange()
    item.watcher = { followers: () => 0, update: (scope) => seen.push(scope === item) }
    item.onChange()
    expect([seen, item.held, item.priority, item.spanId]).toEqual([[true], [], 9, 11])
    const permit = { limiter, isHeld: true, lend: () => () => Promise.resolve() }
    item.permit = permit
    expect(item.held).toEqual([limiter])
    permit.isHeld = false
    expect(item.held).toEqual([])
    countInScope(item, "holding", 1)
    expect([item.holding, seen]).toEqual([1, [true, true]])
  })

  test("may be entered for what the present context still does", async () => {
    const item = new Scope(around, 1, signal)
    await runInScope(around, async () => {
      enterScope(item)
      await Promise.resolve()
      expect(currentScope()).toBe(item)
    })
    expect(currentScope()).toBeUndefined()
  })
})

test("usage that its sink has been told of already is counted and not told again", async () => {
  const events: SluiceEvent[] = []
  const onEvent = (event: SluiceEvent): void => void events.push(event)
  const node = define<object>().step({
    name: "node",
    exec: () => {
      for (const told of [onEvent, () => {}, undefined]) currentScope()?.spend?.({ usd: 1 }, told)
    },
  })
  await node.run({}, { onEvent })
  expect(events.filter(({ type }) => type === "usage")).toHaveLength(2)
})

describe("a limiter's key", () => {
  const tenants: unknown[] = []
  const limiter: Limiter = {
    isKeyed: true,
    tryAdmit: () => undefined,
    admit: async (_cost, options) => {
      tenants.push(options?.tenant)
      return { settle: () => {} }
    },
  }
  const { batch } = define<object, { readonly who: string }>()
  const base = { name: "node", prep: () => [1, 2], exec: (n: number) => n }

  test("comes from the item and its context", async () => {
    const node = batch({ ...base, limiter, limiterKey: (n, { params, index }) => `${params.who}${n}${index}` })
    await node.run({}, { params: { who: "a" } })
    expect(tenants).toEqual(["a10", "a21"])
  })

  test("is needed where the limiter is keyed, and only there", () => {
    expect(() => batch({ ...base, limiter })).toThrow('batch "node": limiterKey must be given with a keyed limiter')
    const plain: Limiter = { admit: () => Promise.reject(new Error("full")), tryAdmit: () => undefined }
    expect(() => batch({ ...base, limiter: plain, limiterKey: () => "a" })).toThrow(
      'batch "node": limiter must be keyed(...) when limiterKey is given',
    )
  })
})

describe("the sequential executor", () => {
  const all = <T>(outcomes: AsyncIterable<T>): Promise<T[]> => Array.fromAsync(outcomes)

  test("names how many attempts there were when it stops", async () => {
    const attempt = (): never => {
      throw new Error("no")
    }
    const map = sequentialExecutor.map([1], { attempt, policy: { retry: { maxAttempts: 2 } } }, {})
    await expect(all(map)).rejects.toMatchObject({
      message: "Item 0 failed after 2 attempts: no",
      details: { attempts: 2 },
    })
  })

  test("starts no attempt after a cancel that came while it looked the item up", async () => {
    const controller = new AbortController()
    let attempts = 0
    const work = { known: async () => controller.abort("enough") as undefined, attempt: () => attempts++ }
    await expect(all(sequentialExecutor.map([1], work, { signal: controller.signal }))).rejects.toBe("enough")
    expect(attempts).toBe(0)
  })
})

test("outcomes of all stages of a pipeline are taken one at a time", async () => {
  const { define: parallelDefine, time } = parallel()
  const { batch, pipeline } = parallelDefine<object>()
  let taking = 0
  const taken: string[] = []
  const line = pipeline([
    batch({
      name: "first",
      prep: () => [0, 1, 2, 3, 4, 5],
      exec: async (n) => {
        await time.sleep(n)
        if (n % 2 === 1) throw new Error("odd")
        return n
      },
      onError: "collect",
    }),
    batch({
      name: "second",
      exec: (n: number) => n,
      onError: "collect",
      onOutcome: async ({ index, status }: Outcome<number>) => {
        expect(++taking).toBe(1)
        await time.sleep(10)
        taking--
        taken.push(`${index} ${status}`)
      },
    }),
  ])
  await time.until(line.run({}))
  expect(taken.toSorted()).toEqual(["0 ok", "1 failed", "2 ok", "3 failed", "4 ok", "5 failed"])
})

test("a choice of one value is named as it is", () => {
  expect(() => checkOptions("it", { kind: "b" }, { kind: oneOf("a") })).toThrow('it: kind must be "a" (got "b").')
})
