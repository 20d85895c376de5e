/**
 * Takes the picture in the README: runs the demo in a terminal of 84 columns and draws that terminal's screen as it is
 * after so many seconds. Linux, with `script` from util-linux.
 *
 *     node --conditions=@sluice/source picture/picture.ts 46 progress.svg
 */
import xterm from "@xterm/headless"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { screenSvg } from "./screen-svg.ts"

const [seconds = "46", file = join(import.meta.dirname, "../progress.svg")] = process.argv.slice(2)
const terminal = new xterm.Terminal({ cols: 84, rows: 20, allowProposedApi: true })
const demo = `stty cols ${terminal.cols} rows ${terminal.rows}; exec node --conditions=@sluice/source ${join(import.meta.dirname, "../main.ts")}`
const run = spawn("script", ["-qfec", demo, "/dev/null"], { stdio: ["ignore", "pipe", "inherit"] })
const ended = once(run, "exit")
run.stdout.on("data", (chunk: Buffer) => terminal.write(chunk))

await Promise.race([sleep(Number(seconds) * 1_000), ended])
await new Promise<void>((done) => terminal.write("", done))
await writeFile(file, screenSvg(terminal, "The progress display of the demo while it runs"))
run.kill()
await ended
