export { parallelMap } from "@sluice/scheduler"
