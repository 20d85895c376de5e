import type { RecordIdentity } from "@sluice/core"
import type { SqliteRunJournal } from "@sluice/journal"
import type { InputRecord } from "../question/prompt-template.ts"
import type { StoredAnswer } from "../results/result-fields.ts"
import type { AnswerCheck } from "./compile-checks.ts"

/**
 * Marks answers that fail a check. Checks are no part of the question: other ones are held against the answers that are
 * there, whose marks change in the journal, and nothing is asked again.
 */
export class Marks {
  readonly #checks: readonly AnswerCheck[]
  readonly #run: SqliteRunJournal
  #failing = 0

  constructor(checks: readonly AnswerCheck[], run: SqliteRunJournal) {
    this.#checks = checks
    this.#run = run
  }

  /** How many of the answers so far fail a check. */
  get failing(): number {
    return this.#failing
  }

  /** What is kept with the answer. */
  async of(record: InputRecord, output: unknown): Promise<Pick<StoredAnswer, "failedChecks">> {
    const failedChecks: string[] = []
    for (const { name, problemOf } of this.#checks) {
      const problem = await problemOf(output, record)
      if (problem !== undefined) failedChecks.push(problem === "" ? name : `${name}: ${problem}`)
    }
    if (failedChecks.length === 0) return {}
    this.#failing++
    return { failedChecks }
  }

  /** Holds an answer from before against the checks; whether its marks are others now. `undefined`: it is none. */
  again(
    identity: RecordIdentity,
    found: { readonly item: number; readonly status: "ok" | "failed" },
  ): Promise<boolean> | undefined {
    return found.status === "ok" ? this.#again(identity, found.item) : undefined
  }

  async #again(identity: RecordIdentity, number: number): Promise<boolean> {
    const item = this.#run.read(number)
    if (item.status !== "ok") return false
    const { failedChecks: before = [], ...answer } = item.value as StoredAnswer
    const marks = await this.of(answer.input, answer.output)
    if (JSON.stringify(before) === JSON.stringify(marks.failedChecks ?? [])) return false
    const { index = -1 } = identity
    const value = { ...answer, ...marks }
    await this.#run.settle(identity, { status: "ok", index, value, attempts: item.attempts }, item.cost)
    return true
  }
}
