import { hashText } from "../hash-text.ts"
import type { RunJournal } from "../ports/ports.ts"

interface Noted {
  readonly source: string
  readonly version: string | null
}

interface SeenNode {
  readonly now: Noted
  readonly isOther: boolean
  isReused: boolean
}

/** Tells whether a record stands in for work that has another source text now than when records of its node began. */
export class WorkChanges {
  readonly #journal: RunJournal
  readonly #warn: (message: string) => void
  /** `undefined`: its work has no source to read. */
  readonly #nodes = new Map<string, SeenNode | undefined>()

  constructor(journal: RunJournal, warn: (message: string) => void) {
    this.#journal = journal
    this.#warn = warn
  }

  /** The journal is asked about work of a node. */
  asked(path: string, exec: (...args: never[]) => unknown, version: string | undefined, isKnown: boolean): void {
    if (!this.#nodes.has(path)) this.#nodes.set(path, this.#first(path, exec, version))
    const node = this.#nodes.get(path)
    if (!isKnown || !node || node.isReused) return
    node.isReused = true
    if (node.isOther) {
      const other = version === undefined ? 'version: "2"' : `another than ${JSON.stringify(version)}`
      this.#warn(
        `The code of "${path}" has changed since its results were recorded, and they stand in for it all the same. If the change matters, give the node a version (${other}): it does everything again. If not, there is nothing to do.`,
      )
    }
  }

  #first(path: string, exec: (...args: never[]) => unknown, version: string | undefined): SeenNode | undefined {
    const source = sourceOf(exec)
    if (source === undefined) return undefined
    const now: Noted = { source, version: version ?? null }
    const before = this.#journal.note?.(nameOf(path)) as Partial<Noted> | null | undefined
    const isSame = before?.version === now.version
    if (!isSame) void this.#put(path, now)
    return { now, isOther: isSame && before.source !== source, isReused: false }
  }

  /** At the end of a run: where nothing of before was given back, the work is what it is now. */
  async end(): Promise<void> {
    for (const [path, node] of this.#nodes) if (node?.isOther && !node.isReused) await this.#put(path, node.now)
  }

  async #put(path: string, now: Noted): Promise<void> {
    try {
      await this.#journal.putNote?.(nameOf(path), now)
    } catch {
      // A journal that cannot be written says so at the next item.
    }
  }
}

const nameOf = (path: string): string => `work ${path}`

/** A hash of the source text without white space; `undefined` where there is none to read. */
function sourceOf(exec: (...args: never[]) => unknown): string | undefined {
  const text = Function.prototype.toString.call(exec).replace(/\s+/g, "")
  if (text.endsWith("{[nativecode]}")) return undefined
  return hashText([text])
}
