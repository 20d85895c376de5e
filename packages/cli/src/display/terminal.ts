import type { Clock } from "@sluice/core"
import type { Readable } from "node:stream"

/** What a command gets from its process. */
export interface Terminal {
  readonly stdin: Readable
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean }
  readonly stderr: NodeJS.WritableStream
  readonly env: Record<string, string | undefined>
  readonly clock: Clock
  /** Calls `listener` at each Ctrl-C or SIGTERM; the answer stops that. */
  onInterrupt(listener: () => void): () => void
  /** Calls `listener` with each key that is pressed; the answer stops that. Absent where nobody can press any. */
  onKey?(listener: (key: string) => void): () => void
}
