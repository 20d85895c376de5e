export type { VendorCall } from "./vendor/call.ts"
export type { CoTenantOptions, LimitChange, VendorDimension, VendorLimits, VendorOptions } from "./vendor/options.ts"
export { createLimitModel } from "./limits/create-limit-model.ts"
export type { LimitKind, LimitModel, LimitOptions } from "./limits/limit-model.ts"
export type { RampOptions } from "./limits/ramp-limit.ts"
export type { MaxTokensCharge } from "./vendor/max-tokens-charge.ts"
export { oracle, type OracleResult } from "./oracle.ts"
export { exponential, lognormal, luckOf, seededRandom } from "./clock/seeded-random.ts"
export { createVendorCore, type Admission, type VendorCore, type ArrivalDecision } from "./vendor/core.ts"
export type { FaultKind, FaultOptions, FaultWindow, RefusingFault, ServingFault } from "./vendor/faults.ts"
export type { LatencyOptions } from "./vendor/latency.ts"
export type { VendorRefusal } from "./vendor/refusal.ts"
export type { VendorTruth } from "./vendor/truth.ts"
export { VirtualClock } from "./clock/virtual-clock.ts"
export {
  createVirtualVendor,
  type VirtualAnswer,
  type VirtualVendor,
  type VirtualVendorOptions,
} from "./vendor/virtual-vendor.ts"
export {
  type SimulatedAnswer,
  type AnswerRequest,
  type AnswerSource,
  type AnswerText,
  composeAnswer,
  type OfferedTool,
} from "./answers/answer.ts"
export { conformToSchema, type JsonSchema } from "./answers/conform-to-schema.ts"
export { extractiveSummary, type ExtractiveSummaryOptions } from "./answers/extractive-summary.ts"
export { countTokens } from "./answers/token-count.ts"
export type { BatchJobOptions, ServerOptions } from "./server/server-options.ts"
export { startVendor, type VendorServer } from "./server/start-vendor.ts"
export type { BatchTruth } from "./server/vendor-memory.ts"
export type { VendorStats } from "./server/vendor-stats.ts"
export {
  runScenario,
  type Contestant,
  type ContestantEnv,
  type ScenarioOptions,
  type ScenarioResult,
} from "./scenarios/run-scenario.ts"
export { callsOf, toldAt, type Scenario, type Size, type ToldQuota, type ToldRate } from "./scenarios/scenario.ts"
export { randomScenario, type RandomScenario } from "./scenarios/random-scenario.ts"
export { scenarioNamed, scenarios } from "./scenarios/scenarios.ts"
export type { TestFramework } from "./conformance/framework.ts"
export { testLimiter, type LimiterPromises } from "./conformance/test-limiter.ts"
export { awakeQuota } from "./conformance/awake-quota.ts"
export { testQuota, type CreateQuota } from "./conformance/test-quota.ts"
export { limiterContestant, type LimiterContestantOptions } from "./scenarios/limiter-contestant.ts"
export { testExecutor, type ExecutorPromises } from "./conformance/test-executor.ts"
export { testJournal, type JournalPlace } from "./conformance/test-journal.ts"
export { plan, type Plan } from "./plan/plan.ts"
export { planDefaults, type PlannedCall, type PlanOptions, type PlanPrices } from "./plan/plan-options.ts"
export { simulate, type SimulatedLimiter, type SimulateOptions } from "./traffic/simulate.ts"
export type { Quantiles, TrafficReport } from "./traffic/traffic-report.ts"
export type { Arrivals, TrafficShape, TrafficStream } from "./traffic/traffic-shape.ts"
export { randomTraffic, type RandomTraffic, type ToldKind } from "./traffic/random-traffic.ts"
export type { TrafficShapeName } from "./traffic/traffic-shapes.ts"
export type { WireStyle } from "./traffic/wire-style.ts"
