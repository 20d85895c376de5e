import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { hostname } from "node:os"
import { object, type Reader, text, whole } from "../reader.ts"

/** Which process writes a run. The start time tells a process from a later one with the same pid. */
export const writerRecord: Reader<Writer> = object<Writer>({ pid: whole, startedAt: text, host: text })
export interface Writer {
  readonly pid: number
  readonly startedAt: string
  readonly host: string
}

let self: Writer | undefined

/** This process, as others can recognise it. */
export function thisWriter(): Writer {
  self ??= { pid: process.pid, startedAt: startTime(process.pid), host: hostname() }
  return self
}

/** `"gone"` is certain; `"elsewhere"` means that the process ran on another machine, where nobody here can look. */
export function writerState(writer: Writer): "this" | "alive" | "gone" | "elsewhere" {
  const own = thisWriter()
  if (writer.host !== own.host) return "elsewhere"
  if (writer.pid === own.pid) return writer.startedAt === own.startedAt ? "this" : "gone"
  try {
    process.kill(writer.pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return "gone"
  }
  return startTime(writer.pid) === writer.startedAt ? "alive" : "gone"
}

/** A text that differs between two processes that had the same pid; empty where the system does not tell. */
function startTime(pid: number): string {
  try {
    if (process.platform === "linux") {
      // The name in the second field may hold spaces and parentheses; field 22 is the start in ticks since boot.
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
      return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? ""
    }
    if (process.platform === "win32") return ""
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim()
  } catch {
    return ""
  }
}
