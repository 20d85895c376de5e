import { connect, type Socket } from "node:net"
import { expect, test } from "vitest"
import { startVendor } from "../../src/index.ts"

const path = "/v1/chat/completions"
const body = JSON.stringify({ model: "m", messages: [{ role: "user", content: "hello" }] })
const head = `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${body.length}\r\n\r\n`

test("stop leaves no socket: idle ones, half a head, half a body, a call that hangs", async () => {
  const vendor = await startVendor({ faults: { rates: { hang: 1 } } })
  const sent = ["", `POST ${path} HT`, `${head}{"mod`, head + body]
  const open = await Promise.all(sent.map((bytes) => opened(vendor.port, bytes)))
  await expect.poll(() => vendor.stats().inFlight).toBe(1)
  const closed = Promise.all(open.map((socket) => new Promise((resolve) => socket.once("close", resolve))))
  await vendor.stop()
  await closed
  await expect.poll(sockets).toEqual([])
})

function opened(port: number, bytes: string): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes, () => resolve(socket)))
    socket.on("error", () => {})
    socket.resume()
  })
}

/** Servers and connections that this process holds. */
function sockets(): string[] {
  return process.getActiveResourcesInfo().filter((kind) => kind.startsWith("TCP"))
}
