import {
  abortSignal,
  anything,
  callable,
  checkOptions,
  count,
  flag,
  having,
  number,
  type Shape,
  text,
} from "../options.ts"
import type { Kit } from "../model/kit.ts"
import type { Frame, RunState } from "./frame.ts"
import { tellWarning } from "../ports/tell-warning.ts"
import { messageOf } from "../reason-of.ts"
import type { Node } from "../model/node.ts"
import type { Runtime } from "../ports/runtime.ts"
import { checkShared } from "../model/shared-check.ts"
import type { RunOptions } from "./run-options.ts"
import { sequentialRuntime } from "./sequential-runtime.ts"
import { stamped } from "./stamped.ts"
import { WorkChanges } from "./work-changes.ts"
import { visitNode } from "./visit-node.ts"

/** Opens a run, runs `node` in it, closes it. */
export async function runNode<Shared>(
  node: Node<Shared>,
  kit: Kit<Shared>,
  shared: Shared,
  options: RunOptions,
): Promise<string> {
  checkOptions("run", options, checks)
  const signal = options.signal ?? new AbortController().signal
  if (signal.aborted) throw signal.reason
  const { check } = kit
  const runtime = options.executor ? { ...kit.runtime, executor: options.executor } : kit.runtime
  if (check) await checkShared(check, shared, "at the start of the run")

  const runId = options.runId ?? (options.journal ? node.name : randomId(node.name, runtime))
  const journal = await options.journal?.openRun({ runId, flow: node.name })
  const run: RunState = {
    runId,
    runtime,
    maxSteps: options.maxSteps,
    retryFailed: options.retryFailed ?? true,
    journal,
    changes:
      journal?.note && journal.putNote
        ? new WorkChanges(journal, (message) =>
            tellWarning(options.onEvent, runtime.clock.now(), "work-changed", message),
          )
        : undefined,
    sink: options.onEvent,
    emit: options.onEvent && stamped(options.onEvent, runtime),
    checkPost:
      check?.at === "posts" ? (state, name) => checkShared(check, state, `after post of "${name}"`) : undefined,
    spans: 1,
  }
  const frame: Frame = {
    run,
    path: "",
    record: "",
    site: "",
    params: Object.freeze({ ...options.params }),
    signal,
    spanId: 0,
    priority: options.priority ?? 0,
    visits: journal && new Map(),
    at: "",
  }

  const span = { runId, spanId: 0 }
  run.emit?.({ type: "run-start", flow: node.name, ...wallTime(runtime), ...span })
  let action: string
  try {
    action = (await visitNode(node, shared, frame)) ?? "default"
    await run.changes?.end()
    await journal?.end("ok")
  } catch (thrown) {
    // Whatever the interrupted code threw: a cancel comes out as its reason.
    const [status, error] = signal.aborted ? (["cancelled", signal.reason] as const) : (["failed", thrown] as const)
    await closeAfterError(run, status)
    run.emit?.({ type: "run-end", status, error, ...span })
    throw error
  }
  run.emit?.({ type: "run-end", status: "ok", action, ...span })
  return action
}

/** The error that ended the run is the one to report; a journal that cannot close afterwards is a warning. */
async function closeAfterError(run: RunState, status: "failed" | "cancelled"): Promise<void> {
  try {
    await run.changes?.end()
    await run.journal?.end(status)
  } catch (error) {
    const { clock } = run.runtime
    tellWarning(run.sink, clock.now(), "journal-write", `The journal could not close the run: ${messageOf(error)}`)
  }
}

/** core alone has no clock. */
function wallTime({ clock }: Runtime): { wallMs?: number } {
  return clock.wallNow === sequentialRuntime.clock.wallNow ? {} : { wallMs: clock.wallNow() }
}

function randomId(name: string, runtime: Runtime): string {
  const tail = Math.floor(runtime.random.next() * 36 ** 6).toString(36)
  return `${name}-${tail.padStart(6, "0")}`
}

const checks: Shape<RunOptions> = {
  signal: abortSignal,
  journal: having("a journal", "openRun"),
  runId: text,
  retryFailed: flag,
  onEvent: callable,
  executor: having("an executor", "map"),
  params: anything,
  maxSteps: count(),
  priority: number,
}
