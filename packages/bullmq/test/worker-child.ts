import { bullWorker } from "@sluice/bullmq"
import { countFlow } from "./count-flow.ts"

const worker = bullWorker(countFlow(process.env["SLUICE_VERSION"]), {
  connection: { url: process.env["SLUICE_REDIS"]! },
  lockMs: Number(process.env["SLUICE_LOCK_MS"] ?? 30_000),
  concurrency: Number(process.env["SLUICE_ITEMS"] ?? 64),
})
process.once("SIGTERM", () => void worker.close().then(() => process.exit(0)))
process.once("disconnect", () => process.exit(0))
process.send!("ready")
