import { sleep } from "@sluice/scheduler"
import type { Clock, Random } from "@sluice/core"

/** What a soak's calls came to. `lost` ended in an error of ours, `refused` in the vendor's own no. */
export interface LoadCounts {
  calls: number
  answered: number
  streamed: number
  dropped: number
  unread: number
  aborted: number
  refused: number
  lost: number
  keys: number
}

export interface Load {
  readonly fetch: typeof globalThis.fetch
  readonly url: string
  readonly clock: Clock
  readonly random: Random
  /** Workers that call one after the other, with think time. */
  readonly workers: number
  /** Think time of a worker, mean. */
  readonly thinkMs: number
  /** Every so often a burst of 20 and a new key. */
  readonly burstMs: number
  readonly untilMs: number
  readonly counts: LoadCounts
  /** Lives as long as all of it; a third of the calls hang on it. */
  readonly signal: AbortSignal
}

export const noCounts = (): LoadCounts => ({
  calls: 0,
  answered: 0,
  streamed: 0,
  dropped: 0,
  unread: 0,
  aborted: 0,
  refused: 0,
  lost: 0,
  keys: 0,
})

/** Mixed traffic until `untilMs`: whole answers, streams read, dropped and left unread, aborts, keys that come and go. */
export async function runLoad(load: Load): Promise<void> {
  const { clock, random, untilMs } = load
  const residents = Array.from({ length: 5 }, (_, at) => `resident-${at}`)
  let passing = "passing-0"
  load.counts.keys = residents.length + 1
  const key = (): string =>
    random.next() < 0.3 ? passing : (residents[Math.floor(random.next() * residents.length)] as string)
  const rest = (meanMs: number): Promise<void> => sleep(clock, -meanMs * Math.log(1 - random.next()))

  const worker = async (): Promise<void> => {
    while (clock.now() < untilMs) {
      await visit(load, key())
      await rest(load.thinkMs)
    }
  }
  const bursts = async (): Promise<void> => {
    for (let round = 1; clock.now() < untilMs; round++) {
      passing = `passing-${round}`
      load.counts.keys++
      await Promise.all(Array.from({ length: 20 }, () => visit(load, key())))
      await sleep(clock, load.burstMs)
    }
  }
  await Promise.all([...Array.from({ length: load.workers }, worker), bursts()])
}

async function visit(load: Load, key: string): Promise<void> {
  const { counts, random, clock } = load
  const luck = random.next()
  const streams = luck < 0.4
  const controller = new AbortController()
  const isLeft = random.next() < 0.12
  const signal = isLeft || random.next() < 0.6 ? controller.signal : load.signal
  const cancelAbort = isLeft
    ? clock.setTimer(3_000 * random.next(), () => controller.abort(new Error("its caller left")))
    : undefined
  counts.calls++
  try {
    const response = await load.fetch(load.url, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({
        model: random.next() < 0.9 ? "lab-small" : "lab-large",
        stream: streams,
        messages: [
          {
            role: "user",
            content: `Say it again. ${random.next()} ${"word ".repeat(Math.floor(100 * random.next()))}`,
          },
        ],
      }),
      signal,
    })
    if (response.status >= 400) counts.refused++
    else if (!streams || luck < 0.25) {
      await response.text()
      if (streams) counts.streamed++
      else counts.answered++
    } else if (luck < 0.37) {
      const reader = response.body?.getReader()
      await reader?.read()
      await reader?.cancel()
      counts.dropped++
    } else counts.unread++
  } catch {
    if (controller.signal.aborted) counts.aborted++
    else counts.lost++
  } finally {
    cancelAbort?.()
  }
}
