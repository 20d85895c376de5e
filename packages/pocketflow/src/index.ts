// Python's pages name the asynchronous kinds `Async…`; here each kind is, so they are the same classes.
export { BaseNode } from "./base-node.ts"
export { BatchFlow, BatchFlow as AsyncBatchFlow } from "./batch-flow.ts"
export { BatchNode, BatchNode as AsyncBatchNode } from "./batch-node.ts"
export { Flow, Flow as AsyncFlow } from "./flow.ts"
export type { Limits } from "./limits.ts"
export { Node, Node as AsyncNode } from "./node.ts"
export { ParallelBatchFlow, ParallelBatchFlow as AsyncParallelBatchFlow } from "./parallel-batch-flow.ts"
export { ParallelBatchNode, ParallelBatchNode as AsyncParallelBatchNode } from "./parallel-batch-node.ts"
