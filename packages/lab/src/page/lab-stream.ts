import type { ServerResponse } from "node:http"
import { systemClock } from "@sluice/scheduler"
import type { LabNews } from "./wire.ts"

const tickMs = 1_000
/** More than so much unread, and a tab is asleep: it is told what it missed when it reads on. */
const mostUnread = 2 ** 20

/** How far a tab was told. */
export interface ToldTab {
  readonly life: number
  readonly second: number
}

/** The tabs that are open. They are told once a second of the watch on the wall: the vendor's own clock may stand still. */
export class LabStream {
  readonly #tabs = new Map<ServerResponse, ToldTab>()
  readonly #news: (told: ToldTab) => LabNews
  #cancelTick: (() => void) | undefined

  constructor(news: (told: ToldTab) => LabNews) {
    this.#news = news
  }

  add(response: ServerResponse): void {
    this.#tabs.set(response, { life: -1, second: -1 })
    response.on("error", () => {})
    response.on("close", () => {
      this.#tabs.delete(response)
      if (this.#tabs.size === 0) this.#stop()
    })
    this.tell()
    this.#cancelTick ??= systemClock.setTimer(tickMs, () => this.#tick())
  }

  tell(): void {
    for (const [response, told] of this.#tabs) {
      if (response.writableLength > mostUnread) continue
      const news = this.#news(told)
      const { life, atMs } = news.state
      this.#tabs.set(response, { life, second: Math.floor(atMs / 1_000) })
      response.write(`event: news\ndata: ${JSON.stringify(news)}\n\n`)
    }
  }

  #tick(): void {
    this.tell()
    this.#cancelTick = systemClock.setTimer(tickMs, () => this.#tick())
  }

  #stop(): void {
    this.#cancelTick?.()
    this.#cancelTick = undefined
  }
}
