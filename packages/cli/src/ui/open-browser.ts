import { spawn } from "node:child_process"
import type { Terminal } from "../display/terminal.ts"

/** Opens a page where there is a screen. Its address was told: where nothing opens, nothing is said. */
export function openBrowser(url: string, { stdout, env }: Terminal): void {
  const hasScreen = process.platform !== "linux" || env["DISPLAY"] !== undefined || env["WAYLAND_DISPLAY"] !== undefined
  if (!stdout.isTTY || !hasScreen) return
  const [command, ...args] = opener()
  const child = spawn(command, [...args, url], { stdio: "ignore", detached: true })
  child.on("error", () => {})
  child.unref()
}

function opener(): [string, ...string[]] {
  if (process.platform === "darwin") return ["open"]
  return process.platform === "win32" ? ["cmd", "/c", "start", ""] : ["xdg-open"]
}
