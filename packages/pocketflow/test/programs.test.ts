import fc from "fast-check"
import { expect, it } from "vitest"
import { type Kit, runBoth, sleep } from "./kit.ts"

type Kind = "base" | "node" | "batch" | "parallel" | "flow" | "batchFlow" | "parallelBatchFlow"

interface Plan {
  readonly kind: Kind
  readonly maxRetries: number
  readonly wait: number
  readonly fallback: boolean
  /** How often each item fails before it succeeds. */
  readonly failures: readonly number[]
  readonly delayMs: number
  /** What `post` answers at the first visit, the second, ...; then `"end"`. */
  readonly actions: readonly string[]
  readonly edges: Readonly<Record<string, number>>
  /** The nodes inside a flow. */
  readonly inside: readonly Plan[]
}

interface Shared {
  readonly log: string[]
  readonly visits: Record<string, number>
}

/** Builds the planned graph out of the package's classes; answers its start. */
function build(kit: Kit, plans: readonly Plan[], path: string): InstanceType<Kit["BaseNode"]> {
  const nodes = plans.map((plan, index) => node(kit, plan, `${path}/${index}`))
  plans.forEach(({ edges }, index) => {
    for (const [action, to] of Object.entries(edges)) {
      const target = nodes[to % nodes.length]!
      if (action === "default") nodes[index]!.next(target)
      else nodes[index]!.on(action, target)
    }
  })
  return nodes[0]!
}

function node(kit: Kit, plan: Plan, path: string): InstanceType<Kit["BaseNode"]> {
  const { kind, maxRetries, wait, fallback, failures, delayMs, actions } = plan
  const tried = new Map<string, number>()
  const prepared = failures.map((_, index) => index)
  const prep = async (): Promise<unknown> => (kind === "base" || kind === "node" ? 0 : prepared)
  const exec = async (params: unknown, item: unknown): Promise<unknown> => {
    const name = `${JSON.stringify(params)} ${String(item)}`
    tried.set(name, (tried.get(name) ?? 0) + 1)
    await sleep(delayMs + Number(item))
    if (tried.get(name)! <= (failures[Number(item)] ?? 0)) throw new Error(`${path} ${name}`)
    return `${String(item)}!`
  }
  const post = async (params: unknown, shared: Shared, results: unknown): Promise<string> => {
    const name = `${path} ${JSON.stringify(params)}`
    const visit = (shared.visits[name] = (shared.visits[name] ?? 0) + 1)
    shared.log.push(`${name} ${JSON.stringify(results)}`)
    return actions[visit - 1] ?? "end"
  }
  if (kind === "flow" || kind === "batchFlow" || kind === "parallelBatchFlow") {
    const bases = { flow: kit.Flow, batchFlow: kit.BatchFlow, parallelBatchFlow: kit.ParallelBatchFlow }
    const Base: Kit["Flow"] = bases[kind]
    class Sub extends Base<Shared> {
      override async prep(): Promise<unknown> {
        return kind === "flow" ? 0 : prepared.map((value) => ({ [path]: value }))
      }
      override async post(shared: Shared): Promise<string> {
        return post(this._params, shared, "flow")
      }
    }
    return new Sub(build(kit, plan.inside, path))
  }
  const Base = { base: kit.BaseNode, node: kit.Node, batch: kit.BatchNode, parallel: kit.ParallelBatchNode }[
    kind
  ] as Kit["Node"]
  class Unit extends Base<Shared> {
    override async prep(): Promise<unknown> {
      return prep()
    }
    override async exec(item: unknown): Promise<unknown> {
      return exec(this._params, item)
    }
    override async execFallback(item: unknown, error: Error): Promise<unknown> {
      if (!fallback) throw error
      return `fell back ${String(item)} ${this.currentRetry}`
    }
    override async post(shared: Shared, _: unknown, results: unknown): Promise<string> {
      return post(this._params, shared, results)
    }
  }
  return new Unit(maxRetries, wait)
}

const action = fc.constantFrom("default", "a", "b", "")

function plan(depth: number): fc.Arbitrary<Plan> {
  const kinds: Kind[] = ["base", "node", "batch", "parallel"]
  const all: Kind[] = depth > 0 ? [...kinds, "flow", "batchFlow", "parallelBatchFlow"] : kinds
  return fc
    .record({
      kind: fc.constantFrom(...all),
      maxRetries: fc.integer({ min: 1, max: 3 }),
      wait: fc.constantFrom(0, 0, 0.25),
      fallback: fc.boolean(),
      failures: fc.array(fc.constantFrom(0, 0, 0, 1, 2), { maxLength: 5 }),
      delayMs: fc.integer({ min: 0, max: 5 }),
      actions: fc.array(action, { maxLength: 3 }),
      edges: fc.dictionary(fc.constantFrom("default", "a", "b"), fc.nat({ max: 3 }), { maxKeys: 3 }),
      inside: depth > 0 ? fc.array(plan(depth - 1), { minLength: 1, maxLength: 3 }) : fc.constant([]),
    })
    .map((each) => (each.kind === "parallel" ? withoutTheirDefect(each) : each))
}

/** Their items share one counter: where an item of a parallel batch is tried again, they are wrong. */
function withoutTheirDefect(each: Plan): Plan {
  return each.fallback
    ? { ...each, maxRetries: 1 }
    : { ...each, failures: each.failures.map((count, index) => (index === 0 && each.maxRetries === 1 ? count : 0)) }
}

const isParallel = ({ kind, inside }: Plan): boolean => kind === "parallelBatchFlow" || inside.some(isParallel)

it("random programs end as they do in pocketflow: state, action, error and warnings", async () => {
  let failed = 0
  let warned = 0
  await fc.assert(
    fc.asyncProperty(fc.array(plan(2), { minLength: 1, maxLength: 4 }), async (plans) => {
      const shared: Record<"theirs" | "ours", Shared> = {
        theirs: { log: [], visits: {} },
        ours: { log: [], visits: {} },
      }
      let turn: "theirs" | "ours" = "theirs"
      const ends = await runBoth((kit) => {
        const state = shared[turn]
        turn = "ours"
        return new kit.Flow(build(kit, plans, "")).setParams({ run: 1 }).run(state)
      })
      if (ends.theirs.thrown) failed++
      if (ends.theirs.warnings.length > 0) warned++
      expect(ends.ours.value).toBe(ends.theirs.value)
      const parallel = plans.some(isParallel)
      if (parallel && ends.theirs.thrown) {
        // Theirs goes on after it has failed, and which of several failures comes first is a matter of microtasks.
        expect(ends.ours.thrown).toBeInstanceOf(Error)
        expect(shared.theirs.log).toEqual(expect.arrayContaining(shared.ours.log))
        return
      }
      expect(ends.ours.thrown).toEqual(ends.theirs.thrown)
      const order = (lines: readonly string[]): readonly string[] => (parallel ? lines.toSorted() : lines)
      expect(order(shared.ours.log)).toEqual(order(shared.theirs.log))
      expect(order(ends.ours.warnings)).toEqual(order(ends.theirs.warnings))
    }),
    { numRuns: 150 },
  )
  // The programs are not all of the easy kind.
  expect(failed).toBeGreaterThan(10)
  expect(warned).toBeGreaterThan(10)
})
