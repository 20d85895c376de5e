import { randomUUID } from "node:crypto"
import type { Limiter } from "@sluice/core"
import { testLimiter } from "@sluice/lab"
import { afterAll, describe, it } from "vitest"
import { member, RestingClock } from "./kit.ts"
import { MemberProcess } from "./member-process.ts"
import { realStore } from "./real-store.ts"

const { server, store } = await realStore()
const other = (server && (await MemberProcess.start(server.url))) as MemberProcess

afterAll(() => other?.stop())

describe.skipIf(!server)("places of a quota that is kept in a real server", () => {
  testLimiter(
    (concurrency) => member({ concurrency }, { store, clock: new RestingClock({ startMs: 5_000 }) }),
    { describe, it },
    // A place that nobody has asked the server for is nobody's.
    { tryAdmit: false },
  )
})

describe.skipIf(!server)("places that two processes share, each of which makes every second call", () => {
  let clock: RestingClock
  testLimiter(
    async (concurrency): Promise<Limiter> => {
      clock = new RestingClock({ startMs: 5_000 })
      const name = randomUUID()
      const own = member({ concurrency }, { store, clock, name })
      await other.join(name, concurrency)
      let calls = 0
      return {
        admit: (cost, options) => (calls++ % 2 === 0 ? own.admit(cost, options) : other.admit(options?.signal)),
        tryAdmit: () => undefined,
      }
    },
    { describe, it },
    {
      tryAdmit: false,
      // Who holds less for its share goes first.
      fifo: false,
      // A place that is kept for who does not want it any more is asked for again within 250 ms.
      async settled() {
        for (let each = 0; each < 7; each++) {
          store.commandNow("PING")
          await clock.advance(50)
          await other.advance(50)
        }
      },
    },
  )
})
