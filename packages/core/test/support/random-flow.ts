import fc from "fast-check"
import { createDefine, type Definition, type Executor, type Node, type Outcome, type SluiceEvent } from "@sluice/core"
import { VirtualTime } from "./virtual-time.ts"

/** A random graph as data, so that fast-check can shrink it. */
export type Plan =
  | { readonly kind: "step"; readonly work: Work }
  | {
      readonly kind: "batch"
      readonly items: readonly Work[]
      readonly concurrency: number
      readonly collect: boolean
      readonly attempts: number
    }
  | {
      readonly kind: "batchFlow"
      readonly runs: number
      readonly concurrency: number
      readonly collect: boolean
      readonly sub: Plan
    }
  | { readonly kind: "pipeline"; readonly items: readonly Work[]; readonly collect: boolean }
  | { readonly kind: "flow"; readonly nodes: readonly Plan[]; readonly loops: number }

/** One item: how long, and in how many attempts it fails first. `heeds`: leaves when its signal is aborted. */
interface Work {
  readonly ms: number
  readonly failures: number
  readonly heeds: boolean
}

const work: fc.Arbitrary<Work> = fc.record({
  ms: fc.integer({ min: 0, max: 30 }),
  failures: fc.oneof(
    { weight: 6, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }) },
  ),
  heeds: fc.boolean(),
})
const items = fc.array(work, { maxLength: 12 })
const concurrency = fc.integer({ min: 1, max: 5 })
export const { plan }: { readonly plan: fc.Arbitrary<Plan> } = fc.letrec<{ plan: Plan }>((tie) => ({
  plan: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.record({ kind: fc.constant("step" as const), work }),
    fc.record({
      kind: fc.constant("batch" as const),
      items,
      concurrency,
      collect: fc.boolean(),
      attempts: fc.integer({ min: 1, max: 3 }),
    }),
    fc.record({ kind: fc.constant("pipeline" as const), items, collect: fc.boolean() }),
    fc.record({
      kind: fc.constant("batchFlow" as const),
      runs: fc.integer({ min: 0, max: 4 }),
      concurrency,
      collect: fc.boolean(),
      sub: tie("plan"),
    }),
    fc.record({
      kind: fc.constant("flow" as const),
      nodes: fc.array(tie("plan"), { minLength: 1, maxLength: 4 }),
      loops: fc.integer({ min: 0, max: 2 }),
    }),
  ),
}))

/** How a run went. */
export interface Report {
  readonly trace: readonly SluiceEvent[]
  readonly ended: "ok" | "failed" | "cancelled"
  /** What is wrong, in words. */
  readonly wrong: readonly string[]
}

/** When the run is cancelled, if it is. */
export const abortAt: fc.Arbitrary<number | undefined> = fc.option(fc.integer({ min: 0, max: 120 }), { nil: undefined })

/** Builds the graph, runs it, aborts it perhaps, and looks for what must never be. */
export async function runPlan(
  root: Plan,
  abortAtMs: number | undefined,
  executorOn: (time: VirtualTime) => Executor,
): Promise<Report> {
  const time = new VirtualTime()
  const kit = createDefine({ clock: time, random: { next: () => 0.5 }, executor: executorOn(time) })<object>()
  const wrong: string[] = []
  let running = 0
  let settled = false
  let names = 0

  const exec = async (item: Work, ctx: { readonly attempt: number; readonly signal: AbortSignal }): Promise<number> => {
    if (settled) wrong.push("an exec started after the run had settled")
    running++
    try {
      await time.sleep(item.ms, item.heeds ? ctx.signal : undefined)
      if (ctx.attempt <= item.failures) throw new Error("planned")
      return item.ms
    } finally {
      running--
    }
  }
  const checkOutcomes = (name: string, given: readonly unknown[], outcomes: readonly Outcome<unknown>[]): void => {
    const indexes = outcomes.map(({ index }) => index)
    if (indexes.length !== given.length || indexes.some((index, at) => index !== at)) {
      wrong.push(`${name}: ${given.length} items, outcomes ${indexes.join()}`)
    }
  }
  const build = (from: Plan, { step, batch, batchFlow, flow, pipeline }: Definition<object>): Node<object> => {
    const name = `${from.kind}${names++}`
    switch (from.kind) {
      case "step":
        return step({ name, prep: () => from.work, exec })
      case "batch": {
        const base = {
          name,
          prep: () => from.items,
          exec,
          concurrency: from.concurrency,
          retry: { maxAttempts: from.attempts },
        }
        return from.collect
          ? batch({ ...base, onError: "collect", post: (_, given, outcomes) => checkOutcomes(name, given, outcomes) })
          : batch({
              ...base,
              post: (_, given, values) => {
                if (String(values) !== String(given.map(({ ms }) => ms))) wrong.push(`${name}: ${values.join()}`)
              },
            })
      }
      case "pipeline": {
        const onError = from.collect ? ("collect" as const) : { maxFailures: 2 }
        return pipeline(
          [
            batch({
              name: `${name}a`,
              prep: () => from.items,
              exec: async (item, ctx) => (await exec(item, ctx), item),
              onError,
              concurrency: 2,
            }),
            batch({
              name: `${name}b`,
              exec: (item: Work, ctx) => exec({ ...item, failures: 0 }, ctx),
              onError,
              post: (_, __, outcomes) => checkOutcomes(name, from.items, outcomes),
            }),
          ],
          { name },
        )
      }
      case "batchFlow": {
        const base = {
          name,
          prep: () => Array.from({ length: from.runs }, (_, run) => ({ run })),
          flow: build(from.sub, kit),
          concurrency: from.concurrency,
        }
        return from.collect
          ? batchFlow({
              ...base,
              onError: "collect",
              post: (_, given, outcomes) => checkOutcomes(name, given, outcomes),
            })
          : batchFlow({ ...base })
      }
      case "flow": {
        const nodes: Record<string, Node<object>> = Object.fromEntries(
          from.nodes.map((each, index) => [`n${index}`, build(each, kit)]),
        )
        const visits = new Map<unknown, number>()
        const last = step({
          name: `${name}last`,
          // Loops are counted per run of the flow: params and visit tell them apart.
          post: (_, __, ___, ctx) => {
            const id = JSON.stringify(ctx.params)
            const seen = visits.get(id) ?? 0
            visits.set(id, seen + 1)
            return seen < from.loops ? "again" : undefined
          },
        })
        const edges: Record<string, Record<string, string>> = { last: { again: "n0" } }
        from.nodes.forEach(
          (_, index) => (edges[`n${index}`] = { default: index + 1 < from.nodes.length ? `n${index + 1}` : "last" }),
        )
        nodes["last"] = last
        return flow({ name, nodes, start: "n0", edges })
      }
    }
  }

  const trace: SluiceEvent[] = []
  const controller = new AbortController()
  const reason = { reason: "planned abort" }
  const cancelTimer = abortAtMs === undefined ? undefined : time.setTimer(abortAtMs, () => controller.abort(reason))
  const ended = await time.until(
    build(root, kit)
      .run({}, { signal: controller.signal, onEvent: (event) => trace.push(event), runId: "r" })
      .then(
        () => "ok" as const,
        (error: unknown) => {
          if (controller.signal.aborted !== (error === reason)) wrong.push("the reason of the cancel did not come out")
          return error === reason ? ("cancelled" as const) : ("failed" as const)
        },
      )
      .finally(() => {
        settled = true
        if (running > 0) wrong.push(`${running} execs were running when the run settled`)
      }),
  )
  cancelTimer?.()
  await new Promise((resolve) => void setImmediate(resolve))
  if (time.pendingTimers > 0) wrong.push(`${time.pendingTimers} timers were left`)
  checkTrace(trace, wrong)
  return { trace, ended, wrong }
}

/** Everything that starts ends exactly once, inside what is around it. */
function checkTrace(trace: readonly SluiceEvent[], wrong: string[]): void {
  const open = new Map<number, number | undefined>()
  const ids = new Set<number>()
  for (const event of trace) {
    if (!("spanId" in event) || event.spanId === undefined) continue
    const { spanId, parentId } = event
    if (event.type.endsWith("-start")) {
      if (ids.has(spanId)) wrong.push(`span ${spanId} started twice`)
      ids.add(spanId)
      if (parentId !== undefined && !open.has(parentId)) wrong.push(`span ${spanId} started outside its parent`)
      open.set(spanId, parentId)
    } else if (event.type === "attempt-end") {
      if (parentId === undefined || !open.has(parentId)) wrong.push("an attempt ended outside its item")
    } else if (event.type.endsWith("-end")) {
      if (!open.delete(spanId)) wrong.push(`span ${spanId} ended and was not open`)
      for (const [child, parent] of open) if (parent === spanId) wrong.push(`span ${child} outlived its parent`)
    }
  }
  if (open.size > 0) wrong.push(`${open.size} spans never ended`)
}

/** The events of a run as text, to be compared. */
export function traceText({ trace }: Report): string {
  return JSON.stringify(trace, (_key, value: unknown) => (value instanceof Error ? value.message : value))
}
