import { type ChildProcess, fork } from "node:child_process"
import path from "node:path"
import type { Permit, Settlement } from "@sluice/core"
import { onAbort } from "@sluice/scheduler"

export type AskedMember =
  | { readonly what: "join"; readonly name: string; readonly concurrency: number }
  | { readonly what: "advance"; readonly ms: number }
  | { readonly what: "admit" | "abort"; readonly id: number }
  | { readonly what: "settle"; readonly id: number; readonly end: Settlement }

/** A member of shared quotas that is a process of its own. */
export class MemberProcess {
  readonly #child: ChildProcess
  readonly #admitted = new Map<number, () => void>()
  #done: () => void = () => {}
  #calls = 0

  static async start(url: string): Promise<MemberProcess> {
    const child = fork(path.join(import.meta.dirname, "member-child.ts"), {
      execArgv: ["--conditions=@sluice/source"],
      env: { ...process.env, SLUICE_REDIS: url },
    })
    await new Promise((resolve) => child.once("message", resolve))
    return new MemberProcess(child)
  }

  constructor(child: ChildProcess) {
    this.#child = child
    child.on("message", (said: "done" | { readonly admitted: number }) => {
      if (said === "done") this.#done()
      else this.#admitted.get(said.admitted)?.()
    })
  }

  /** Of a quota that lets so many run; it leaves the one before. */
  async join(name: string, concurrency: number): Promise<void> {
    await this.#ask({ what: "join", name, concurrency })
  }

  /** Lets time pass there, and what it brings come to rest. */
  async advance(ms: number): Promise<void> {
    await this.#ask({ what: "advance", ms })
  }

  async admit(signal: AbortSignal | undefined): Promise<Permit> {
    signal?.throwIfAborted()
    const id = this.#calls++
    const { promise, resolve, reject } = Promise.withResolvers<Permit>()
    const permit: Permit = { settle: (end) => this.#tell({ what: "settle", id, end }) }
    let isOver = false
    const stay = signal
      ? onAbort(signal, () => {
          isOver = true
          this.#tell({ what: "abort", id })
          reject(signal.reason)
        })
      : () => {}
    this.#admitted.set(id, () => {
      stay()
      if (isOver) permit.settle({ outcome: "ignored" })
      else resolve(permit)
    })
    this.#tell({ what: "admit", id })
    return promise
  }

  stop(): void {
    this.#child.disconnect()
  }

  #tell(asked: AskedMember): void {
    this.#child.send(asked)
  }

  async #ask(asked: AskedMember): Promise<void> {
    const done = new Promise<void>((resolve) => void (this.#done = resolve))
    this.#tell(asked)
    await done
  }
}
