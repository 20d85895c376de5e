import { fork } from "node:child_process"
import { once } from "node:events"
import { youngMegabytes, type Memory, type Taken } from "./results.ts"

export interface Named {
  /** The measure's. */
  readonly title: string
  readonly name: string
}

/** A round with each of these numbers of items, in this order. */
export interface TimesOrder extends Named {
  readonly of: "times"
  readonly items: readonly number[]
}

export interface MemoryOrder extends Named {
  readonly of: "memory"
  readonly items: number
}

export type Order = TimesOrder | MemoryOrder
export type Reply<T> = { readonly value: T } | { readonly failure: string }

/**
 * One contestant's measure, from a process that loads and runs nothing else: what others had left in the heap doubled what some took.
 * Rejects with what stopped it.
 */
export async function inOwnProcess(order: TimesOrder): Promise<readonly Taken[]>
export async function inOwnProcess(order: MemoryOrder): Promise<Memory>
export async function inOwnProcess(order: Order): Promise<unknown> {
  const young = order.of === "memory" ? [`--max-semi-space-size=${youngMegabytes}`] : []
  const child = fork(new URL("contestant-process.ts", import.meta.url), {
    execArgv: ["--expose-gc", ...young, "--conditions=@sluice/source"],
  })
  const told = once(child, "message").then(([reply]) => reply as Reply<unknown>)
  const ended = once(child, "exit").then(() => ({ failure: "its process died" }))
  child.send(order)
  const reply = await Promise.race([told, ended])
  child.kill("SIGKILL")
  if ("failure" in reply) throw new Error(reply.failure)
  return reply.value
}
