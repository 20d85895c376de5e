import type { Permit } from "@sluice/core"
import { waitInLine } from "./wait-in-line.ts"

/** What the system says when this process, or the machine, may open no more connections. Nothing has reached the vendor. */
const codes = new Set(["EMFILE", "ENFILE", "ENOBUFS", "EADDRNOTAVAIL"])
/** So few connections any process may have: until then nobody asks. */
const alwaysFree = 64
/** How fast the ceiling returns after it fell: one more for every so many calls that went well. */
const callsPerStep = 20

/** Tries to open a connection while the process may not: some fifteen seconds. */
export const mostUnsent = 20

/** The code of an error of `fetch` that is about our own files, or `undefined`. */
export function outOfFiles(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ("code" in at && typeof at.code === "string" && codes.has(at.code)) return at.code
    if (at instanceof AggregateError) return at.errors.map(outOfFiles).find((code) => code !== undefined)
  }
  return undefined
}

/**
 * How many calls may be in flight at once in this process, whatever the quotas allow: each holds a connection, and the
 * system lets a process open only so many. First come, first served; who waits holds nothing.
 */
export class OpenFiles {
  readonly #limit: () => number
  #most = Infinity
  #ceiling = alwaysFree
  #taken = 0
  #good = 0
  #isAsked = false
  readonly #waiting = new Set<() => void>()

  /** `limit`: files that the process may open. Asked once, when it begins to matter. */
  constructor(limit: () => number = processLimit) {
    this.#limit = limit
  }

  get taken(): number {
    return this.#taken
  }

  /** A place, if one is free. */
  take(): boolean {
    if (this.#taken >= this.#ceiling && !this.#isAsked) this.#ask()
    if (this.#taken >= this.#ceiling) return false
    this.#taken++
    return true
  }

  /** Resolves with a place taken. */
  wait(signal: AbortSignal | undefined): Promise<void> {
    return waitInLine(this.#waiting, signal)
  }

  /** The call has ended: whoever is next goes. */
  give(): void {
    this.#taken--
    if (this.#ceiling < this.#most && ++this.#good % callsPerStep === 0) this.#ceiling++
    for (const next of this.#waiting) {
      if (this.#taken >= this.#ceiling) break
      this.#taken++
      next()
    }
  }

  /** The system refused one more than run now: other code has files open too. */
  shrink(): void {
    this.#ceiling = Math.max(1, Math.min(this.#ceiling, this.#taken))
  }

  #ask(): void {
    this.#isAsked = true
    const files = this.#limit()
    // Standard streams, a journal, the event loop's own, connections that are kept open elsewhere.
    this.#most = this.#ceiling = Math.max(8, Math.floor(files - Math.max(alwaysFree, files / 10)))
  }
}

/** Of all calls of this process. */
export const openFiles: OpenFiles = new OpenFiles()

/** The same permit, whose end frees a place. */
export function withPlace(permit: Permit, files: OpenFiles): Permit {
  let isHeld = true
  return {
    settle(end) {
      if (isHeld) files.give()
      isHeld = false
      permit.settle(end)
    },
  }
}

interface Report {
  excludeNetwork?: boolean
  getReport(): { readonly userLimits?: { readonly open_files?: { readonly soft?: number | string } } }
}

/** Node's own diagnostics know it; elsewhere nobody does. Takes some 20 ms. */
function processLimit(): number {
  const report = (globalThis as { process?: { report?: Report } }).process?.report
  if (!report) return Infinity
  // Otherwise it looks up the name of every peer.
  const { excludeNetwork } = report
  report.excludeNetwork = true
  const soft = Number(report.getReport().userLimits?.open_files?.soft)
  if (excludeNetwork !== undefined) report.excludeNetwork = excludeNetwork
  return soft > 0 ? soft : Infinity
}
