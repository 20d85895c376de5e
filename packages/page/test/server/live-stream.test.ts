import { EventEmitter } from "node:events"
import { createServer, type ServerResponse } from "node:http"
import { type AddressInfo, connect as connectTo } from "node:net"
import { expect, onTestFinished, test, vi } from "vitest"
import { LiveStream } from "../../src/server/live-stream.ts"

/** A tab's connection: what was written to it, and how much of that it has not read. */
class Tab extends EventEmitter {
  writableLength = 0
  readonly told: string[] = []
  write(text: string): void {
    this.told.push(text.replace(/\n+$/u, "").replaceAll("\n", " "))
  }
  end(): void {
    this.emit("close")
  }
}

function connect(stream: LiveStream): Tab {
  const tab = new Tab()
  stream.add(tab as unknown as ServerResponse)
  return tab
}

test("each tab is told everything at first, then what is new; the text of it is made once for all", () => {
  let made = 0
  const stream = new LiveStream(() => "all")
  const tabs = [connect(stream), connect(stream)]
  stream.tell("tick", () => `new ${++made}`)
  for (const { told } of tabs) expect(told).toEqual(["event: hello data: all", "event: tick data: new 1"])
  tabs[0]!.emit("close")
  expect(stream.size).toBe(1)
  stream.close()
  expect(stream.size).toBe(0)
  stream.tell("tick", () => `new ${++made}`)
  expect(made).toBe(1)
})

test("a tab that sleeps keeps nothing waiting for it, and is told everything anew when it reads on", () => {
  const stream = new LiveStream(() => "all")
  const [asleep, awake] = [connect(stream), connect(stream)]
  asleep.writableLength = 2 ** 21
  for (let n = 0; n < 100; n++) stream.tell("tick", () => `${n}`)
  expect(asleep.told).toEqual(["event: hello data: all"])
  expect(awake.told).toHaveLength(101)
  asleep.writableLength = 0
  stream.tell("tick", () => "100")
  stream.tell("tick", () => "101")
  expect(asleep.told).toEqual(["event: hello data: all", "event: hello data: all", "event: tick data: 101"])
})

test("a tab that reads nothing over a real connection: what waits for it stays below two megabytes", async () => {
  const piece = "x".repeat(100_000)
  const stream = new LiveStream(() => "all")
  let response: ServerResponse | undefined
  const server = createServer((_request, answer) => stream.add((response = answer)))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => void server.close())
  const tab = connectTo((server.address() as AddressInfo).port, "127.0.0.1")
  onTestFinished(() => void tab.destroy())
  tab.pause()
  tab.write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
  await vi.waitUntil(() => stream.size === 1)
  let most = 0
  // 100 MB, of which the machine between them takes a few.
  for (let n = 0; n < 1_000; n++) {
    stream.tell("tick", () => piece)
    if (n % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
    most = Math.max(most, response!.writableLength)
  }
  expect(most).toBeGreaterThan(0)
  expect(most).toBeLessThan(2 * 2 ** 20)
  tab.destroy()
  await vi.waitUntil(() => stream.size === 0)
})
