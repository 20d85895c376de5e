// Python's pages name the asynchronous kinds `Async…`; here each kind is, so they are the same classes.
export { BaseNode } from "./base-node.ts"
export {
  BatchFlow,
  BatchFlow as AsyncBatchFlow,
  ParallelBatchFlow,
  ParallelBatchFlow as AsyncParallelBatchFlow,
} from "./batch-flow.ts"
export {
  BatchNode,
  BatchNode as AsyncBatchNode,
  ParallelBatchNode,
  ParallelBatchNode as AsyncParallelBatchNode,
} from "./batch-node.ts"
export { Flow, Flow as AsyncFlow } from "./flow.ts"
export type { Limits } from "./limits.ts"
export { Node, Node as AsyncNode } from "./node.ts"
