import { describe, expectTypeOf, test } from "vitest"
import { z } from "zod"
import { type ActionsOf, type BatchSummary, define, type Node, type Outcome } from "@sluice/core"

interface Shared {
  texts: string[]
  summary?: string
}
const { step, batch, batchFlow, flow, pipeline } = define<Shared>()

describe("Shared is the only type written by hand", () => {
  test("a step infers what prep and exec give", () => {
    step({
      name: "s",
      prep: async (shared) => {
        expectTypeOf(shared).toEqualTypeOf<Shared>()
        return shared.texts.length
      },
      exec: (length, ctx) => {
        expectTypeOf(length).toEqualTypeOf<number>()
        expectTypeOf(ctx.attempt).toEqualTypeOf<number>()
        expectTypeOf(ctx.signal).toEqualTypeOf<AbortSignal>()
        return { length }
      },
      fallback: (length, error) => {
        expectTypeOf(length).toEqualTypeOf<number>()
        expectTypeOf(error).toEqualTypeOf<unknown>()
        return null
      },
      post: (shared, prepared, result) => {
        expectTypeOf(shared).toEqualTypeOf<Shared>()
        expectTypeOf(prepared).toEqualTypeOf<number>()
        expectTypeOf(result).toEqualTypeOf<{ length: number } | null>()
      },
    })
  })

  test("a batch infers its items from any source", () => {
    batch({ name: "array", prep: (shared) => shared.texts, exec: (item) => expectTypeOf(item).toEqualTypeOf<string>() })
    batch({ name: "set", prep: async () => new Set([1]), exec: (item) => expectTypeOf(item).toEqualTypeOf<number>() })
    batch({
      name: "stream",
      prep: async function* () {
        yield { line: "x" }
      },
      exec: (item) => expectTypeOf(item).toEqualTypeOf<{ line: string }>(),
      key: (item) => item.line,
    })
    batch({
      name: "perhaps",
      prep: (shared) => (shared.summary === undefined ? undefined : shared.texts),
      exec: (item) => expectTypeOf(item).toEqualTypeOf<string>(),
    })
  })

  test("post of a batch gets values, outcomes, or a count", () => {
    const base = { name: "b", prep: () => ["a"], exec: async (text: string) => text.length }
    batch({
      ...base,
      post: (_, items, results) => {
        expectTypeOf(items).toEqualTypeOf<string[]>()
        expectTypeOf(results).toEqualTypeOf<number[]>()
      },
    })
    batch({
      ...base,
      onError: "stop",
      post: (_, __, results) => expectTypeOf(results).toEqualTypeOf<number[]>() as never,
    })
    batch({
      ...base,
      onError: "collect",
      post: (_, __, results) => expectTypeOf(results).toEqualTypeOf<Outcome<number>[]>() as never,
    })
    batch({
      ...base,
      onError: { maxFailures: 3 },
      post: (_, __, results) => expectTypeOf(results).toEqualTypeOf<Outcome<number>[]>() as never,
    })
    batch({
      name: "b",
      prep: () => ["a"],
      exec: async (text) => text.length,
      fallback: () => null,
      onOutcome: async (outcome) => expectTypeOf(outcome).toEqualTypeOf<Outcome<number | null>>() as never,
      post: (_, __, summary) => expectTypeOf(summary).toEqualTypeOf<BatchSummary>() as never,
    })
  })

  test("with params typed too, when they are given", () => {
    const typed = define<Shared, { readonly file: string }>()
    typed.step({ name: "s", prep: (_, ctx) => expectTypeOf(ctx.params.file).toEqualTypeOf<string>() })
    step({ name: "s", prep: (_, ctx) => expectTypeOf(ctx.params["file"]).toEqualTypeOf<unknown>() })
  })

  test("a schema gives Shared", () => {
    const kit = define(z.object({ count: z.number() }))
    kit.step({ name: "s", post: (shared) => expectTypeOf(shared).toEqualTypeOf<{ count: number }>() as never })
    expectTypeOf(kit.step({ name: "s" }).run)
      .parameter(0)
      .toEqualTypeOf<{ count: number }>()
  })
})

describe("actions are part of a node's type", () => {
  const none = step({ name: "none", post: (shared) => void (shared.summary = "x") })
  const some = step({ name: "some", post: (shared) => (shared.texts.length > 0 ? "full" : undefined) })
  const later = step({ name: "later", post: async (shared) => (shared.texts.length > 0 ? "full" : "empty") })
  const wide = step({ name: "wide", post: (shared): string | undefined => shared.texts[0] })

  test("inferred from post", () => {
    expectTypeOf<ActionsOf<typeof none>>().toEqualTypeOf<never>()
    expectTypeOf<ActionsOf<typeof some>>().toEqualTypeOf<"full">()
    expectTypeOf<ActionsOf<typeof later>>().toEqualTypeOf<"full" | "empty">()
    expectTypeOf<ActionsOf<typeof wide>>().toEqualTypeOf<string>()
    expectTypeOf(none.run).returns.resolves.toEqualTypeOf<"default">()
    expectTypeOf(later.run).returns.resolves.toEqualTypeOf<"full" | "empty" | "default">()
  })

  test("a flow answers what its nodes may, or what its post does", () => {
    const open = flow({ name: "f", nodes: { some, later }, start: "some", edges: { some: { full: "later" } } })
    expectTypeOf<ActionsOf<typeof open>>().toEqualTypeOf<"full" | "empty">()
    const turned = flow({
      name: "f",
      nodes: { some },
      start: "some",
      prep: () => 3,
      post: (_, three, action) => {
        expectTypeOf(three).toEqualTypeOf<number>()
        expectTypeOf(action).toEqualTypeOf<string>()
        return action === "full" ? "yes" : "no"
      },
    })
    expectTypeOf<ActionsOf<typeof turned>>().toEqualTypeOf<"yes" | "no">()
    const silent = flow({ name: "f", nodes: { some }, start: "some", post: () => {} })
    expectTypeOf<ActionsOf<typeof silent>>().toEqualTypeOf<never>()
  })

  test("a batch flow gets the last action of each run", () => {
    const each = batchFlow({
      name: "each",
      prep: (shared) => shared.texts.map((file) => ({ file })),
      flow: later,
      key: (params) => {
        expectTypeOf(params).toEqualTypeOf<{ file: string }>()
        return params.file
      },
      post: (_, params, actions) => {
        expectTypeOf(params).toEqualTypeOf<{ file: string }[]>()
        expectTypeOf(actions).toEqualTypeOf<("full" | "empty" | "default")[]>()
        return "done"
      },
    })
    expectTypeOf<ActionsOf<typeof each>>().toEqualTypeOf<"done">()
    batchFlow({
      name: "e",
      prep: () => [{ n: 1 }],
      flow: some,
      onOutcome: (outcome) => void expectTypeOf(outcome).toEqualTypeOf<Outcome<"full" | "default">>(),
    })
    // @ts-expect-error params are objects
    batchFlow({ name: "e", prep: () => [1], flow: some })
  })

  test("strict flows need an edge for each action that is known", () => {
    const full = flow({
      name: "f",
      strict: true,
      nodes: { later, none, wide },
      start: "later",
      edges: { later: { full: "none", empty: null }, none: { default: "wide" } },
    })
    expectTypeOf<ActionsOf<typeof full>>().toEqualTypeOf<string>()
    // @ts-expect-error "empty" has no edge
    flow({ name: "f", strict: true, nodes: { later, none }, start: "later", edges: { later: { full: "none" } } })
    // @ts-expect-error later has no edges at all
    flow({ name: "f", strict: true, nodes: { later, none }, start: "later", edges: { none: { default: "later" } } })
  })
})

describe("pipelines", () => {
  const a = batch({ name: "a", prep: (shared) => shared.texts, exec: (text) => text.length })
  const b = batch({ name: "b", exec: (length: number) => ({ length }) })
  const c = batch({
    name: "c",
    exec: (item: { length: number }) => `${item.length}`,
    post: (_, __, results) => (results.length > 0 ? "some" : undefined),
  })

  test("chain when each stage takes what the one before gives, and answer what the last one does", () => {
    const line = pipeline([a, b, c], { name: "line" })
    expectTypeOf<ActionsOf<typeof line>>().toEqualTypeOf<"some">()
    pipeline([
      batch({ name: "x", prep: () => [1], exec: (n) => expectTypeOf(n).toEqualTypeOf<number>() && "x" }),
      batch({ name: "y", exec: (text: string) => text }),
    ])
    // @ts-expect-error c does not take what a gives
    pipeline([a, c])
    // @ts-expect-error one stage is no pipeline
    pipeline([a])
  })
})

test("nodes for less state go into flows over more, not the other way round", () => {
  const less = define<{ texts: string[] }>().step({ name: "less", post: () => "go" })
  expectTypeOf(less).toExtend<Node<Shared, "go">>()
  flow({ name: "f", nodes: { less }, start: "less" })
  const more = define<Shared & { extra: number }>().step({ name: "more" })
  // @ts-expect-error the flow has no `extra`
  flow({ name: "f", nodes: { more }, start: "more" })
})
