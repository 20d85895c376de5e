import { bullExecutor } from "@sluice/bullmq"
import { openJournal } from "@sluice/journal"
import { countFlow, type Shared } from "./count-flow.ts"

const app = countFlow()
const executor = bullExecutor(app, { connection: { url: process.env["SLUICE_REDIS"]! }, chunk: 4, window: 32 })
const journal = openJournal({ path: process.env["SLUICE_JOURNAL"]! })
const shared: Shared = { count: Number(process.env["SLUICE_COUNT"]) }
process.once("disconnect", () => process.exit(0))
const ran = app.run(shared, { executor, journal, runId: "run" })
const failed = await ran.then(
  () => undefined,
  (error: { readonly code?: string }) => error.code ?? "failed",
)
await executor.close()
await journal.close()
process.send!(failed ?? shared, () => process.exit(0))
