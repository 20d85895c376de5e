import { type ChildProcess, fork } from "node:child_process"
import path from "node:path"
import type { LimitedFetchOptions } from "@sluice/providers"

/** What one process of a fleet is told. */
export interface WorkerOptions {
  /** Of one server; of a cluster's nodes, parted by commas. */
  readonly redisUrl: string
  readonly vendorUrl: string
  readonly client?: "ioredis" | "redis"
  /** Calls that it always has waiting. */
  readonly callers: number
  /** It makes so many calls, once it is told to begin. Default: without end, at once. */
  readonly calls?: number
  readonly limits: Pick<LimitedFetchOptions, "requestsPerMinute" | "tokensPerMinute" | "concurrency">
  readonly whenUnreachable?: "share" | "wait" | "fail" | { readonly share?: number; readonly forMs?: number }
  readonly priority?: number
}

export interface WorkerReport {
  readonly done: number
  readonly failed: number
  readonly errors: Readonly<Record<string, number>>
  readonly warnings: readonly string[]
}

/** One process that makes calls through `limitedFetch` until it is stopped. */
export interface FleetWorker {
  readonly pid: number
  report(): Promise<WorkerReport>
  /** Makes its `calls`; resolves when the last of them has its answer. */
  batch(): Promise<WorkerReport>
  signal(name: NodeJS.Signals): void
  /** Closes the quotas first. */
  stop(): Promise<void>
}

export async function startWorker(options: WorkerOptions): Promise<FleetWorker> {
  const child = fork(path.join(import.meta.dirname, "fleet-worker.ts"), {
    execArgv: ["--conditions=@sluice/source"],
    env: { ...process.env, SLUICE_FLEET: JSON.stringify(options) },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  })
  await message(child)
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  return {
    pid: child.pid!,
    async report() {
      child.send("report")
      return (await message(child)) as WorkerReport
    },
    async batch() {
      child.send("batch")
      return (await message(child)) as WorkerReport
    },
    signal: (name) => void child.kill(name),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.send("stop")
      await gone
    },
  }
}

function message(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error("The process ended."))
    child.once("exit", ended)
    child.once("message", (value) => {
      child.off("exit", ended)
      resolve(value)
    })
  })
}
