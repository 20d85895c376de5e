import type { EventSink } from "./event-sink.ts"

/** Of one kind; who makes a client per call would hear of each. */
const mostOfACode = 10

const told = new Map<string, Set<string>>()

interface Host {
  readonly process?: { emitWarning?: (message: string, options: { type: string; code: string }) => void }
  readonly console: { warn: (message: string) => void }
}

/**
 * Tells a warning to who listens, or where nobody does to the process: there each message once, and of each code a few. A sink
 * that throws does not disturb what goes on.
 */
export function tellWarning(sink: EventSink | undefined, atMs: number, code: string, message: string): void {
  try {
    if (sink) sink({ type: "warning", atMs, code, message })
    else warnProcess(code, message)
  } catch {
    // Its owner's concern.
  }
}

function warnProcess(code: string, message: string): void {
  const messages = told.get(code) ?? new Set()
  if (messages.has(message) || messages.size >= mostOfACode) return
  told.set(code, messages.add(message))
  const { process, console } = globalThis as Host
  if (process?.emitWarning) process.emitWarning(message, { type: "SluiceWarning", code })
  else console.warn(`SluiceWarning: ${message} (${code})`)
}
