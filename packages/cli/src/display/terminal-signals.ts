import type { FrameState } from "./frame-state.ts"
import { printable } from "./printable.ts"

export interface TerminalSignals {
  /** The title, and the progress of the window; empty where the terminal shows them already. */
  show(state: FrameState): string
  /** Takes both back. */
  end(): string
}

const escape = "\u001B"

/**
 * What a terminal shows outside its text: a title, and where it is known to have them a bar in its tab or on the task bar
 * (OSC 9;4; elsewhere that would ring or be written out). `env` tells which terminal it is.
 */
export function terminalSignals(env: Readonly<Record<string, string | undefined>>): TerminalSignals {
  const { TERM: kind = "" } = env
  const hasTitle = kind !== "" && kind !== "dumb" && kind !== "linux"
  const hasProgress = showsProgress(env)
  let shown = ""
  return {
    show(state) {
      const next = (hasTitle ? titleOf(state) : "") + (hasProgress ? progressOf(state) : "")
      if (next === shown) return ""
      // The title that was there is kept by the terminal, to come back.
      const first = shown === "" && hasTitle ? `${escape}[22;0t` : ""
      shown = next
      return first + next
    },
    end() {
      if (shown === "") return ""
      shown = ""
      return (hasTitle ? `${escape}]0;${escape}\\${escape}[23;0t` : "") + (hasProgress ? progress(0, 0) : "")
    },
  }
}

/** Those that are known to; the same that cargo goes by. */
function showsProgress(env: Readonly<Record<string, string | undefined>>): boolean {
  const { TERM_PROGRAM: program, TERM_FEATURES: features = "" } = env
  if (env["WT_SESSION"] !== undefined || env["ConEmuANSI"] === "ON") return true
  if (program === "iTerm.app") return features.includes("P")
  return program === "WezTerm" || program === "ghostty"
}

function percentOf({ total, succeeded, failed }: FrameState): number | undefined {
  if (total === undefined) return undefined
  return total === 0 ? 100 : Math.min(100, Math.floor((100 * (succeeded + failed)) / total))
}

function titleOf(state: FrameState): string {
  const percent = percentOf(state)
  return `${escape}]0;${percent === undefined ? "" : `${percent}% `}${printable(state.title)}${escape}\\`
}

/** 1: so far · 3: nobody knows how far · 4: held up. */
function progressOf(state: FrameState): string {
  const percent = percentOf(state)
  if (percent === undefined) return progress(3, 0)
  return progress(state.gate ? 4 : 1, percent)
}

function progress(kind: number, percent: number): string {
  return `${escape}]9;4;${kind};${percent}${escape}\\`
}
