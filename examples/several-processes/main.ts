import { fork, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { connect, createServer, type AddressInfo } from "node:net"
import path from "node:path"
import { startVendor } from "@sluice/lab"

const program = ["redis-server", "valkey-server"].find((name) => spawnSync(name, ["--version"]).status === 0)
if (program === undefined) {
  console.log("This example needs redis-server or valkey-server on the PATH (apt-get install redis-server).")
  process.exit(0)
}

const port = await freePort()
const server = spawn(program, ["--port", String(port), "--bind", "127.0.0.1", "--save", ""], { stdio: "ignore" })
await answers(port)
// 20 calls a second in all, whoever makes them.
const vendor = await startVendor({
  limits: { requests: { limit: 1_200, burst: 20 } },
  latency: { baseMs: 50, perOutputTokenMs: 0 },
})

const workers = ["one", "two", "three"].map((name) => {
  const child = fork(path.join(import.meta.dirname, "worker.ts"), {
    execArgv: ["--conditions=@sluice/source"],
    env: { ...process.env, REDIS_URL: `redis://127.0.0.1:${port}`, VENDOR_URL: vendor.url },
  })
  const worker = { name, child, done: 0 }
  child.on("message", (done) => (worker.done = done as number))
  return worker
})
await Promise.all(workers.map(({ child }) => once(child, "message")))

await tell("all three", 6_000)
workers[0]!.child.kill("SIGKILL")
console.log("one is killed")
await tell("the other two", 6_000)

for (const { child } of workers) child.send("stop", () => {})
await Promise.all(workers.slice(1).map(({ child }) => once(child, "exit")))
const { refused } = vendor.stats()
console.log(`${refused} calls were refused`)
await vendor.stop()
server.kill()

async function tell(who: string, ms: number): Promise<void> {
  const before = workers.map(({ done }) => done)
  await new Promise((resolve) => setTimeout(resolve, ms))
  const each = workers.map(({ name, done }, at) => `${name} ${done - before[at]!}`)
  console.log(`${who}, calls in ${ms / 1_000} s: ${each.join(", ")}`)
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1")
  await once(probe, "listening")
  const { port: free } = probe.address() as AddressInfo
  probe.close()
  return free
}

async function answers(at: number): Promise<void> {
  for (;;) {
    const socket = connect(at, "127.0.0.1")
    const isOpen = await Promise.race([once(socket, "connect"), once(socket, "error").then(() => false)]).catch(
      () => false,
    )
    socket.destroy()
    if (isOpen) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
