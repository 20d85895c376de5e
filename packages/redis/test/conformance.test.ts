import { testLimiter } from "@sluice/lab"
import { afterAll, describe, it } from "vitest"
import { member, RestingClock } from "./kit.ts"
import { findServer, startServer } from "./redis-server.ts"
import { type SyncStore, syncStore } from "./sync-store.ts"

const program = findServer()
const server = program === undefined ? undefined : await startServer(program)
const store = (server && (await syncStore(server.url))) as SyncStore

afterAll(async () => {
  await store?.end()
  await server?.stop()
})

describe.skipIf(!server)("places of a quota that is kept in a real server", () => {
  testLimiter(
    (concurrency) => member({ concurrency }, { store, clock: new RestingClock({ startMs: 5_000 }) }),
    { describe, it },
    // A place that nobody has asked the server for is nobody's.
    { tryAdmit: false },
  )
})
