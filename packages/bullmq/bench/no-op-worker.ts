import { bullWorker } from "@sluice/bullmq"
import { noOpFlow } from "./no-op-flow.ts"

const worker = bullWorker(noOpFlow(), { connection: { url: process.env["SLUICE_REDIS"]! } })
process.once("disconnect", () => void worker.close().then(() => process.exit(0)))
process.send!("ready")
