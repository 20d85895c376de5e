import { EventEmitter } from "node:events"
import type { ServerResponse } from "node:http"
import { expect, test } from "vitest"
import { LiveStream } from "../src/server/live-stream.ts"

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
