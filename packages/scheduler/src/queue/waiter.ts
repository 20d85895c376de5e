import { countInScope, type Permit, type TaskScope } from "@sluice/core"

/** A call that waits for a permit. Ends once, by a permit or by an error, and leaves nothing behind. */
export class Waiter {
  readonly scope: TaskScope | undefined
  #resolve: ((permit: Permit) => void) | undefined = undefined
  #reject: ((reason: unknown) => void) | undefined = undefined
  #tidyUp: (() => void) | undefined = undefined

  constructor(scope: TaskScope | undefined) {
    this.scope = scope
  }

  get gone(): boolean {
    return this.#resolve === undefined
  }

  /** Begins the wait. */
  wait(): Promise<Permit> {
    countInScope(this.scope, "waiting", 1)
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** Done when the wait ends, however it ends. */
  atEnd(tidyUp: (() => void) | undefined): void {
    const before = this.#tidyUp
    if (before && tidyUp) {
      this.#tidyUp = () => {
        before()
        tidyUp()
      }
    } else this.#tidyUp ??= tidyUp
  }

  admit(permit: Permit): void {
    const resolve = this.#resolve
    this.#end()
    resolve?.(permit)
  }

  fail(reason: unknown): void {
    const reject = this.#reject
    this.#end()
    reject?.(reason)
  }

  #end(): void {
    if (this.gone) return
    this.#resolve = this.#reject = undefined
    this.#tidyUp?.()
    this.#tidyUp = undefined
    countInScope(this.scope, "waiting", -1)
  }
}
