/** How a bound is tried again. */
interface Pace {
  readonly holdMs: number
  readonly holdDoublings: number
  /** Growth doubles its own speed in so many seconds. */
  readonly doublingS: number
  /** At most so many times the bound. */
  readonly most: number
}

type Name =
  | "margin"
  | "leastCut"
  | "growthPerS"
  | "slowHolds"
  | "changed"
  | "searchDoublingMs"
  | "chances"
  | "fewCalls"
  | "leastByFew"
  | "clearly"
  | "together"
  | "deepMs"
  | "firstDepth"
  | "rampBase"
  | "rampStepMs"
  | "firstWave"
  | "laterSteps"
  | "mostJitterMs"
  | "orderMs"
  | "raises"
  | "trustMs"
  | "room"
  | "windowReadings"
  | "windowExcess"
  | "windowSlack"
  | "depthSpan"
  | "othersMs"
  | "surpriseMs"
  | "headroom"
  | "othersMost"
  | "othersRoom"
  | "backoffMs"
  | "backoffDoublings"
  | "longestDoubtMs"
  | "probeDoublingMs"
  | "keptSigma"
  | "keptMost"
  | "gateStarts"
  | "gateJitter"
  | "gateJitterMs"
  | "growth"
  | "fewestStarts"
  | "starts"
  | "luck"
  | "outageFailures"
  | "outageMs"
  | "nearlyAll"

type Tuned = Readonly<Record<Name, number>> & {
  readonly stands: Pace
}

/**
 * Every tuned number of what a quota learns, each with its reason. Units are in the names: `…Ms` milliseconds, else shares or counts.
 * The measurements behind them are in `docs/decisions/2026-11-28-one-inequality.md`.
 */
export const tuned: Tuned = Object.freeze({
  // An estimate: a value between what passed and what was refused.
  /** A measured bound is a little under what was measured, or the next call is refused again. */
  margin: 0.985,
  /** One event is one observation: never below this share at once. */
  leastCut: 0.2,
  /**
   * A bound stands for 10 s before it is tried again, twice as long after each confirmation (up to 32 times: one refusal in five minutes
   * is all that a standing limit costs). Then 1 % a second, twice as fast after ten: a restored quota is found within half a minute
   * (CUBIC's shape). What nobody used was not shown to be there: 8 times at most.
   */
  stands: Object.freeze({ holdMs: 10_000, holdDoublings: 5, doublingS: 10, most: 8 }),
  /**
   * What may leave at once, and how close together, stand so many times as long: more of it brings a burst, once, and each try above
   * it is refused. Six times refuses 1 % less and is slower where sizes differ.
   */
  slowHolds: 3,
  /** A vendor that limits growth allows about twice the traffic of the minute before. */
  growth: 2,
  growthPerS: 0.01,
  /** Grown this far above the last bound: the vendor changed, try eagerly again. */
  changed: 1.3,
  /** Between a sure and a possible rate 60 times apart: three steps pass whatever the bucket had hidden. */
  searchDoublingMs: 3_000,
  /** So many refusals in a row, each within the time that a bound stands, may be chance. */
  chances: 4,
  /** Fewer calls than this measure a rate badly … */
  fewCalls: 8,
  /** … so they cut it to this share at most. */
  leastByFew: 0.8,
  /** A measure of many calls this far below what was believed: the rate, whatever the depth. */
  clearly: 0.95,
  /** More than this many calls in the backlog: they left together. */
  together: 1.25,
  /** What slices behind a right limit may hold is not more than this brings; a deeper bucket may be one of a lower rate. */
  deepMs: 3_000,
  /** The first refusal of a burst names the depth, but for what the network reordered. */
  firstDepth: 0.9,

  // Slow start.
  /** First burst: small against any vendor's minute, and never more than a second's worth. */
  rampBase: 10,
  /** Doubling time; a refusal is back in 50 to 200 ms. */
  rampStepMs: 250,
  /** Beyond this share of a limit … */
  firstWave: 0.2,
  /** … doubling takes so many steps: told three times too much costs 1 % of the calls. */
  laterSteps: 4,

  // The network.
  /** So much closer together than they left calls may reach the vendor, once refusals say that calls came too early. */
  mostJitterMs: 250,
  /** Calls of the last so many ms may reach the vendor in another order. */
  orderMs: 250,

  // Headers.
  /** So many readings in a row must say that more remains: calls on the wire make one reading too high. */
  raises: 5,
  /** Headers this recent describe the present. */
  trustMs: 60_000,
  /** "Has room" is beyond any rounding of the vendor's numbers. */
  room: 0.02,
  /** Answers that must agree on the kind of window. */
  windowReadings: 3,
  /** `remaining` + rate × reset above the limit by this share of it: no bucket. */
  windowExcess: 0.25,
  /** Resets are rounded to seconds. */
  windowSlack: 0.05,
  /** `remaining` + rate × reset stays the same over this share of a window: a bucket of that depth. */
  depthSpan: 0.1,

  // Co-tenants.
  /** Time constant of what others take: a few bursts of theirs. */
  othersMs: 15_000,
  /** And of the variance of their bursts. */
  surpriseMs: 10_000,
  /** Room for so many standard deviations of what they take while an answer is out. */
  headroom: 18,
  /** They never take more of the limit than this. */
  othersMost: 0.8,
  /** And room for them leaves this share of what was ever seen to stand ready. */
  othersRoom: 0.7,

  // Room that is kept for higher priority.
  /** Calls that come at random take no more than their mean and so many standard deviations, 95 times of 100. */
  keptSigma: 1.65,
  /** At most this share of what a window brings: who waits for the rest never starves. */
  keptMost: 0.5,

  // The gate.
  /** Nobody named a delay and no limit explains the refusal. */
  backoffMs: 250,
  /** At most 32 s. */
  backoffDoublings: 7,
  /** A vendor's delay that did not help is lengthened by no more than this. */
  longestDoubtMs: 60_000,
  /** After the probe: 1 to 500 starts in a second. */
  probeDoublingMs: 125,
  /** A gate that let through so many is open. */
  gateStarts: 4_096,
  /** Processes behind one quota must not come back in the same millisecond. */
  gateJitter: 0.1,
  gateJitterMs: 100,

  // Places and outages.
  /** Of at least so many starts … */
  fewestStarts: 16,
  /** … of so many that count back … */
  starts: 64,
  /** … this share was refused: servers refuse fewer by bad luck, and more when their places are taken. */
  luck: 0.16,
  /** Failures in a row that mean an outage: 1 in 1,000 at a failure rate of 25 %. */
  outageFailures: 5,
  /** A vendor that is back must be noticed within this; each probe costs a call one of its attempts. */
  outageMs: 2_000,
  /** Refused with this share of the limit in flight: one or two too high, else far too high. */
  nearlyAll: 0.8,
})
