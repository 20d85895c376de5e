import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer, type AddressInfo, connect } from "node:net"
import { tmpdir } from "node:os"
import path from "node:path"

/** A server of a test's own. */
export interface RedisServer {
  readonly port: number
  readonly url: string
  readonly pid: number
  /** Starts it again on the same port, as empty as a new one. */
  restart(): Promise<void>
  stop(): Promise<void>
}

const programs = ["redis-server", "valkey-server"]

/** What there is to test with, or nothing; then the tests are skipped, with a line that says how to get it. */
export function findServer(): string | undefined {
  const given = process.env["SLUICE_TEST_REDIS_URL"]
  if (given) return given
  const found = programs.find((program) => spawnSync(program, ["--version"]).status === 0)
  if (found) return found
  const how =
    "Tests with Redis are skipped: install redis-server (apt-get install redis-server) or valkey-server, or set SLUICE_TEST_REDIS_URL."
  if (process.env["SLUICE_REQUIRE_REDIS"]) throw new Error(how)
  process.stderr.write(`${how}\n`)
  return undefined
}

/** Starts a server on a free port of the loopback, in a folder of its own; or uses the one whose URL is given. */
export async function startServer(program: string, ...more: readonly string[]): Promise<RedisServer> {
  if (program.includes("://")) return given(program)
  const port = await freePort()
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-redis-"))
  let child: ChildProcess
  const start = async (): Promise<void> => {
    const options = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"]
    child = spawn(program, [...options, ...more], { stdio: "ignore" })
    await answers(port)
  }
  const end = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once("exit", resolve))
    child.kill("SIGKILL")
    await gone
  }
  await start()
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    get pid() {
      return child.pid!
    },
    async restart() {
      await end()
      await start()
    },
    async stop() {
      await end()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function given(url: string): RedisServer {
  const refuse = (): never => {
    throw new Error("This test stops its server, which must be its own.")
  }
  return { port: Number(new URL(url).port || 6379), url, pid: 0, restart: refuse, stop: () => Promise.resolve() }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await new Promise((resolve) => server.once("listening", resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function answers(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"))
      const end = (is: boolean): void => {
        socket.destroy()
        resolve(is)
      }
      socket.once("data", (data) => end(String(data).startsWith("+PONG")))
      socket.once("error", () => end(false))
    })
    if (isOpen) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`No server answers on port ${port}.`)
}
