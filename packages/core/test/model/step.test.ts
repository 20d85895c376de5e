import { expect, test, vi } from "vitest"
import { define, type Settlement, type Limiter, SluiceError } from "@sluice/core"

interface Shared {
  seen: unknown[]
}
const { step } = define<Shared>()
const fresh = (): Shared => ({ seen: [] })

test("prep, exec and post pass their values on, sync or async", async () => {
  const shared = fresh()
  const sync = step({
    name: "sync",
    prep: () => 1,
    exec: (n) => n + 1,
    post: (state, prepared, result) => {
      state.seen.push(prepared, result)
      return "done"
    },
  })
  const later = step({
    name: "later",
    prep: async () => 10,
    exec: async (n) => n + 1,
    post: async (state, prepared, result) => {
      state.seen.push(prepared, result)
      return "done"
    },
  })
  expect(await sync.run(shared)).toBe("done")
  expect(await later.run(shared)).toBe("done")
  expect(shared.seen).toEqual([1, 2, 10, 11])
})

test("a step with no exec gives post its prepared value and no result", async () => {
  const shared = fresh()
  const only = step({
    name: "only",
    prep: () => "p",
    post: (state, prepared, result) => void state.seen.push(prepared, result),
  })
  expect(await only.run(shared)).toBe("default")
  expect(shared.seen).toEqual(["p", undefined])
})

test("a step with nothing at all, and one with no prep and no post, answer default", async () => {
  expect(await step({ name: "empty" }).run(fresh())).toBe("default")
  const exec = vi.fn((_prepared: undefined) => 1)
  expect(await step({ name: "exec", exec }).run(fresh())).toBe("default")
  expect(exec).toHaveBeenCalledExactlyOnceWith(undefined, expect.objectContaining({ index: 0, attempt: 1 }))
})

test("a prep that answers nothing gives exec nothing", async () => {
  const exec = vi.fn((prepared: void) => prepared)
  const shared = fresh()
  await step({
    name: "none",
    prep: () => {},
    exec,
    post: (state, ...rest) => void state.seen.push(...rest.slice(0, 2)),
  }).run(shared)
  expect(exec).toHaveBeenCalledExactlyOnceWith(undefined, expect.anything())
  expect(shared.seen).toEqual([undefined, undefined])
})

test.each([false, true])(
  "exec and fallback never see shared, neither as an argument nor on the context (events: %s)",
  async (listening) => {
    const shared = fresh()
    const seen: unknown[][] = []
    const exec = (...given: unknown[]): never => {
      seen.push(given)
      throw new Error("to the fallback")
    }
    const fallback = (...given: unknown[]): void => void seen.push(given)
    const kit = define<Shared>()
    const app = kit.flow({
      name: "app",
      nodes: {
        step: kit.step({ name: "step", prep: () => 1, exec, fallback }),
        batch: kit.batch({ name: "batch", prep: () => [1], exec, fallback }),
        each: kit.batchFlow({
          name: "each",
          prep: () => [{}],
          flow: kit.step({ name: "inner", prep: () => 1, exec, fallback }),
        }),
      },
      start: "step",
      edges: { step: { default: "batch" }, batch: { default: "each" } },
    })
    await app.run(shared, listening ? { onEvent: () => {} } : {})
    expect(seen.map(({ length }) => length)).toEqual([2, 3, 2, 3, 2, 3])
    expect(seen.every((given) => !reaches(given, shared))).toBe(true)
    expect(reaches([{ deep: { down: [shared] } }], shared)).toBe(true)
  },
)

/** Whether `target` can be had from `from` by reading properties. */
function reaches(from: unknown, target: unknown, known = new Set<unknown>()): boolean {
  if (from === target) return true
  if (typeof from !== "object" || from === null || known.has(from)) return false
  known.add(from)
  return Reflect.ownKeys(from).some((key) => reaches((from as Record<PropertyKey, unknown>)[key], target, known))
}

test("a failed step rejects with the error of exec itself, as thrown", async () => {
  const thrown = { not: "an error" }
  const bad = step({
    name: "bad",
    exec: () => {
      throw thrown
    },
  })
  await expect(bad.run(fresh())).rejects.toBe(thrown)
  await expect(bad.run(fresh(), { onEvent: () => {} })).rejects.toBe(thrown)
})

test("retry counts attempts from 1, and stops at a non-retryable error or at retryIf", async () => {
  const attempts: number[] = []
  const flaky = step({
    name: "flaky",
    retry: { maxAttempts: 3 },
    exec: (_: undefined, ctx) => {
      attempts.push(ctx.attempt)
      if (ctx.attempt < 3) throw new Error("again")
      return "ok"
    },
    post: (state, _, result) => void state.seen.push(result),
  })
  const shared = fresh()
  await flaky.run(shared)
  expect(attempts).toEqual([1, 2, 3])
  expect(shared.seen).toEqual(["ok"])

  let calls = 0
  const hopeless = step({
    name: "hopeless",
    retry: { maxAttempts: 5 },
    exec: () => {
      calls++
      throw new SluiceError("vendor-refused", "no")
    },
  })
  await expect(hopeless.run(fresh())).rejects.toThrow("no")
  expect(calls).toBe(1)

  calls = 0
  const asked = step({
    name: "asked",
    retry: { maxAttempts: 5, retryIf: (error, attempt) => attempt < 2 && (error as Error).message === "no" },
    exec: () => {
      calls++
      throw new Error("no")
    },
  })
  await expect(asked.run(fresh())).rejects.toThrow("no")
  expect(calls).toBe(2)
})

test("fallback answers when the attempts are spent, with the last error, and may fail itself", async () => {
  const shared = fresh()
  const saved = step({
    name: "saved",
    prep: () => 5,
    retry: { maxAttempts: 2 },
    exec: (_n, ctx): string => {
      throw new Error(`attempt ${ctx.attempt}`)
    },
    fallback: async (n, error, ctx) => `${n} ${(error as Error).message} ${ctx.attempt}`,
    post: (state, _, result) => void state.seen.push(result),
  })
  await saved.run(shared)
  expect(shared.seen).toEqual(["5 attempt 2 2"])

  const lost = step({
    name: "lost",
    exec: (): string => {
      throw new Error("first")
    },
    fallback: (): string => {
      throw new Error("second")
    },
  })
  await expect(lost.run(fresh())).rejects.toThrow("second")
})

test("a limiter admits each attempt and learns how it ended", async () => {
  const log: unknown[] = []
  const limiter: Limiter = {
    admit: async (cost, options) => {
      log.push(cost, options?.priority)
      return { settle: ({ outcome }: Settlement) => void log.push(outcome) }
    },
    tryAdmit: () => undefined,
  }
  const limited = step({
    name: "limited",
    prep: () => "abc",
    limiter,
    cost: (text) => ({ inputTokens: text.length }),
    retry: { maxAttempts: 2 },
    exec: (text, ctx) => {
      if (ctx.attempt === 1) throw new Error("once")
      return text
    },
  })
  await limited.run(fresh(), { priority: 7 })
  expect(log).toEqual([{ inputTokens: 3 }, 7, "ignored", { inputTokens: 3 }, 7, "success"])
})

test("timeoutMs and backoff need a clock, which core alone has not", async () => {
  const timed = step({ name: "timed", timeoutMs: 5, exec: () => 1 })
  await expect(timed.run(fresh())).rejects.toMatchObject({
    code: "no-clock",
    message: expect.stringContaining("timeoutMs"),
  })
  const patient = step({ name: "patient", retry: { maxAttempts: 2, backoff: { initialMs: 5 } }, exec: () => 1 })
  await expect(patient.run(fresh())).rejects.toMatchObject({
    code: "no-clock",
    message: expect.stringContaining("backoff"),
  })
})

test.each<[object, string]>([
  [{ name: "" }, 'step: name must be a non-empty string without "/" (got "").'],
  [{ name: "a/b" }, 'step: name must be a non-empty string without "/" (got "a/b").'],
  [{ name: 5 }, 'step: name must be a non-empty string without "/" (got 5).'],
  [{ name: "x", timeoutMs: 0 }, 'step "x": timeoutMs must be a number above 0 (got 0).'],
  [{ name: "x", timeoutMs: Infinity }, 'step "x": timeoutMs must be a number above 0 (got Infinity).'],
  [{ name: "x", timeoutMs: "5" }, 'step "x": timeoutMs must be a number above 0 (got "5").'],
  [{ name: "x", retry: {} }, 'step "x": retry.maxAttempts must be a whole number of at least 1 (got undefined).'],
  [
    { name: "x", retry: { maxAttempts: 0 } },
    'step "x": retry.maxAttempts must be a whole number of at least 1 (got 0).',
  ],
  [
    { name: "x", retry: { maxAttempts: 1.5 } },
    'step "x": retry.maxAttempts must be a whole number of at least 1 (got 1.5).',
  ],
  [
    { name: "x", retry: { maxAttempts: "2" } },
    'step "x": retry.maxAttempts must be a whole number of at least 1 (got "2").',
  ],
  [
    { name: "x", cost: () => ({}) },
    'step "x": limiter must be given when cost is: nothing else charges it (got undefined).',
  ],
])("bad options are refused at construction: %j", (options, message) => {
  expect(() => step(options as never)).toThrow(message)
})

test("a node is frozen data that says what it is", () => {
  const node = step({ name: "x", version: "2", timeoutMs: 9, retry: { maxAttempts: 3 } })
  expect(Object.isFrozen(node)).toBe(true)
  expect(JSON.parse(JSON.stringify(node))).toEqual({
    kind: "step",
    name: "x",
    options: { maxAttempts: 3, timeoutMs: 9, version: "2" },
  })
  expect(step({ name: "y" }).toJSON()).toEqual({ kind: "step", name: "y" })
})
