import type { EventSink, Node } from "@sluice/core"
import { loadFlow } from "../commands/load-flow.ts"
import { openRedis } from "../commands/open-redis.ts"
import { openShared } from "../commands/open-shared.ts"
import { printableJson, printableText } from "../display/printable.ts"
import type { Terminal } from "../display/terminal.ts"
import { exitCodes } from "../exit-codes.ts"
import { addKeysOf } from "../model/env-file.ts"
import { askFlow } from "./ask-flow.ts"
import { openBullmq } from "./open-bullmq.ts"

export interface WorkerCommandOptions {
  readonly redis: string
  readonly baseUrl?: readonly string[]
  readonly concurrency?: number
  readonly lockS?: number
  readonly config?: string
  readonly json?: boolean
}

/**
 * `sluice worker [FLOW.ts] [NAME]`: does items until Ctrl-C or SIGTERM, and then ends what it is at. Of a flow it does the batches' items; without
 * one, the items of `sluice run --workers`.
 */
export async function workerCommand(
  file: string | undefined,
  name: string | undefined,
  options: WorkerCommandOptions,
  terminal: Terminal,
): Promise<number> {
  const { stderr } = terminal
  const { bullWorker } = await openBullmq()
  const say = (line: string): void => void (options.json || stderr.write(`${printableText(line)}\n`))
  const onEvent: EventSink = (event) => {
    if (options.json) stderr.write(`${printableJson(event)}\n`)
    else if (event.type === "warning") say(`Warning: ${event.message}`)
  }
  const work = await (file === undefined ? askingWork(options, terminal, onEvent) : flowWork(file, name, options.redis))
  const worker = bullWorker(work.flow, {
    connection: { url: options.redis },
    ...(options.concurrency !== undefined && { concurrency: options.concurrency }),
    ...(options.lockS !== undefined && { lockMs: options.lockS * 1_000 }),
    onEvent,
  })
  const asked = new Promise<void>((resolve) => {
    const stop = terminal.onInterrupt(() => {
      // A second one ends the process as it would any other; its items go to other workers.
      stop()
      resolve()
    })
  })
  say(`Doing items of ${file === undefined ? "sluice run --workers" : `"${work.flow.name}"`} until Ctrl-C or SIGTERM.`)
  await asked
  say("Finishing what is in flight, and taking nothing more. Ctrl-C again stops now.")
  await worker.close()
  await work.close()
  return exitCodes.done
}

interface WorkToDo {
  readonly flow: Node<never>
  readonly close: () => Promise<void>
}

async function flowWork(file: string, name: string | undefined, url: string): Promise<WorkToDo> {
  const flow = await loadFlow(file, name)
  // Says at once when nobody answers there.
  const redis = await openRedis(url)
  redis.disconnect()
  return { flow, close: async () => {} }
}

/** The calls of runs elsewhere, with the keys of this process and under the quota of all. */
async function askingWork(
  { redis, config, baseUrl = [] }: WorkerCommandOptions,
  terminal: Terminal,
  onEvent: EventSink,
): Promise<WorkToDo> {
  await addKeysOf(terminal, config)
  const shared = await openShared(redis)
  const { Askers } = await import("./askers.ts")
  const askers = new Askers({ terminal, quotas: shared.quotas, addresses: baseUrl, onEvent })
  return {
    flow: askFlow((asking, item, signal) => askers.ask(asking, item, signal)),
    close: async () => {
      await askers.close()
      await shared.close()
    },
  }
}
