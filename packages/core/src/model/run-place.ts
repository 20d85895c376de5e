import { SluiceError } from "../errors.ts"
import { placeChecks } from "../items/item-checks.ts"
import { observedAttempt, reportAttempt } from "../items/observed-attempt.ts"
import { runOne } from "../items/run-one.ts"
import { abortSignal, callable, checkOptions, fields, needed, type Shape } from "../options.ts"
import type { Outcome } from "../outcome.ts"
import type { ItemPlace } from "../ports/executor.ts"
import type { EventSink } from "../ports/event-sink.ts"
import { type Runtime, runtimeChecks } from "../ports/runtime.ts"
import type { Frame } from "../run/frame.ts"
import { currentScope } from "../scope/task-scope.ts"
import { stamped } from "../run/stamped.ts"
import { Work } from "../scope/work.ts"
import { type BatchNode, stage } from "./batch.ts"
import { inside, type Node } from "./node.ts"

interface PlaceOptions {
  readonly runtime: Runtime
  readonly signal?: AbortSignal
  readonly onEvent?: EventSink
}

const optionChecks: Shape<PlaceOptions> = {
  runtime: needed(fields(runtimeChecks)),
  signal: abortSignal,
  onEvent: callable,
}

/**
 * Does one item of a batch inside `root`, away from the run that it belongs to: all its attempts and its fallback, in this process.
 * For executors that hand items to other processes, which have the same flow: `ItemWork.place` says which batch an item is of.
 *
 * `known`, `settled`, the failure policy and the journal stay with the run. Rejects for a cancel with `signal.reason`.
 *
 * @throws SluiceError `invalid-graph` when `root` has no batch at that place: the two processes run different flows.
 *
 * @example
 * ```ts
 * const { batch, flow } = define<object>()
 * const count = batch({ name: "count", prep: () => ["one two"], exec: (text) => text.split(" ").length })
 * const app = flow({ name: "app", nodes: { count }, start: "count" })
 * const place = { path: "app/count", visit: 0, runId: "r1", params: {} }
 * const options = { runtime: sequentialRuntime }
 * await runPlace(app, place, "three four five", 7, options) // => { status: "ok", index: 7, value: 3, attempts: 1 }
 * ```
 */
export async function runPlace(
  root: Node<never>,
  place: ItemPlace,
  item: unknown,
  index: number,
  options: PlaceOptions,
): Promise<Outcome<unknown>> {
  checkOptions("runPlace", place, placeChecks)
  checkOptions<PlaceOptions>("runPlace", options, optionChecks)
  const { runtime, onEvent, signal = new AbortController().signal } = options
  const { name, [stage]: part } = find(root, place.path)
  const { exec, policy } = part.task
  const around = place.path.slice(0, -name.length - 1)
  const frame: Frame = {
    run: {
      runId: place.runId,
      runtime,
      maxSteps: undefined,
      retryFailed: true,
      journal: undefined,
      changes: undefined,
      sink: onEvent,
      emit: onEvent && stamped(onEvent, runtime),
      checkPost: undefined,
      spans: 1,
    },
    path: around,
    record: "",
    site: around,
    params: Object.freeze({ ...place.params }),
    signal,
    spanId: 0,
    priority: currentScope()?.priority ?? 0,
    visits: undefined,
    at: "",
  }
  const work = new Work(currentScope(), frame, name, 0, 0)
  return runOne(
    runtime.executor,
    item,
    {
      open: (_item, _at, ending) => work.openItem(index, ending),
      attempt: observedAttempt(exec, frame.run),
      ...(policy && { policy }),
      attempted: (event, scope) => reportAttempt(event, scope as Work),
    },
    { signal, priority: frame.priority },
  )
}

function find(root: Node<never>, path: string): BatchNode<never, string, unknown> {
  const [first, ...names] = path.split("/")
  let node: Node<never> | undefined = root.name === first ? root : undefined
  for (const name of names) node = node?.[inside]?.(name)
  if (node && stage in node) return node as BatchNode<never, string, unknown>
  throw new SluiceError(
    "invalid-graph",
    `"${root.name}" has no batch at "${path}". An item was taken from a run of another flow, or of another version of it: let both processes load the same module.`,
    { details: { root: root.name, path } },
  )
}
