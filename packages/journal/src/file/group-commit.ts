import type { Clock } from "@sluice/core"
import { journalError } from "../journal-error.ts"
import type { Database } from "./sqlite-module.ts"

interface WaitingWrite {
  readonly write: () => void
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** So many share a commit's wait for the disk that more would gain little. */
const worthACommit = 256

/**
 * Writes in groups: all that came in one turn of the event loop is one transaction, and nobody is told before it is on
 * disk. A commit waits for the disk and holds up the event loop for that long (about 2 ms on an SSD), so after one of
 * `d` ms a small group waits `4 d` for company: the disk takes at most a fifth of the loop.
 */
export class GroupCommit {
  readonly #database: Database
  readonly #path: string
  readonly #clock: Clock
  #waiting: WaitingWrite[] = []
  #cancelTimer: (() => void) | undefined
  #notBefore = 0

  constructor(database: Database, path: string, clock: Clock) {
    this.#database = database
    this.#path = path
    this.#clock = clock
  }

  /** Resolves when what `write` did is durable. */
  add(write: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ write, resolve, reject })
      this.#schedule()
    })
  }

  #schedule(): void {
    const count = this.#waiting.length
    if (count !== 1 && count !== worthACommit) return
    this.#cancelTimer?.()
    const delayMs = count === 1 ? Math.max(0, this.#notBefore - this.#clock.now()) : 0
    this.#cancelTimer = this.#clock.setTimer(delayMs, () => this.flush())
  }

  /** Commits what waits, now. A failure is told to everybody in the group; the next group tries again. */
  flush(): void {
    const group = this.#waiting
    this.#waiting = []
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    if (group.length === 0) return
    let writtenAt = 0
    try {
      this.#database.exec("BEGIN IMMEDIATE")
      for (const { write } of group) write()
      writtenAt = this.#clock.now()
      this.#database.exec("COMMIT")
    } catch (error) {
      if (this.#database.isOpen && this.#database.isTransaction) this.#database.exec("ROLLBACK")
      const reason = journalError(error, this.#path)
      for (const { reject } of group) reject(reason)
      return
    }
    const endedAt = this.#clock.now()
    this.#notBefore = endedAt + Math.min(4 * (endedAt - writtenAt), 100)
    for (const { resolve } of group) resolve()
  }
}
