import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import type { ReadStream } from "node:tty"
import type { Terminal } from "../display/terminal.ts"

const [interrupt, quit, suspend, escape] = ["\u0003", "\u001C", "\u001A", "\u001B"]

/**
 * The keys of a terminal, one by one. Such a terminal sends no signals of its own: Ctrl-C, Ctrl-\ and Ctrl-Z are sent on to all that
 * stand in this pipeline. A process in the background leaves the terminal alone, as it would be stopped for touching it.
 */
export function terminalKeys(stdin: ReadStream): NonNullable<Terminal["onKey"]> {
  return (listener) => {
    let isTaken = false
    const take = (): void => {
      if (isTaken || !isInFront()) return
      isTaken = true
      stdin.setRawMode(true)
      stdin.on("data", hear).resume()
    }
    const leave = (): void => {
      if (!isTaken) return
      isTaken = false
      stdin.off("data", hear).pause()
      stdin.setRawMode(false)
    }
    const hear = (data: Buffer): void => {
      const text = data.toString()
      // Arrows and their like are many letters that begin so, and none of them is meant.
      if (text.startsWith(escape)) return
      for (const key of text) {
        if (key === interrupt) signal("SIGINT")
        else if (key === quit) signal("SIGQUIT")
        else if (key === suspend && process.platform !== "win32") {
          leave()
          signal("SIGTSTP")
        } else listener(key)
      }
    }
    process.on("SIGCONT", take)
    take()
    return () => {
      process.off("SIGCONT", take)
      leave()
    }
  }
}

/** To the whole pipeline, as a terminal does. Windows has no such thing: there it is this process's own. */
function signal(name: NodeJS.Signals): void {
  if (process.platform === "win32") process.emit(name, name)
  else process.kill(0, name)
}

function isInFront(): boolean {
  try {
    const [group, front] = process.platform === "linux" ? groupsOfProc() : groupsOfPs()
    return group === front
  } catch {
    // A system that does not say has no such jobs either.
    return process.platform === "win32"
  }
}

function groupsOfProc(): readonly (string | undefined)[] {
  const stat = readFileSync("/proc/self/stat", "utf8")
  // The name in the second field may hold spaces; behind it come state, parent, group, session, terminal, and the group in front.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return [fields[2], fields[5]]
}

function groupsOfPs(): readonly string[] {
  return execFileSync("ps", ["-o", "pgid=,tpgid=", "-p", String(process.pid)], { encoding: "utf8" })
    .trim()
    .split(/\s+/)
}
