export { bullExecutor, type BullExecutor, type BullExecutorOptions } from "./bull-executor.ts"
export { bullWorker, type BullWorker, type BullWorkerOptions } from "./bull-worker.ts"
export type { BullBatch, BullBatchOptions } from "./remote-batch.ts"
