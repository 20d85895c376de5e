/*
 * Every tuned number of what a quota learns, each with its reason, for `import * as tuned`. Units are in the names: `…Ms` milliseconds,
 * else shares or counts. The measurements behind them are in `docs/decisions/2026-11-28-one-inequality.md`.
 */

// An estimate: a value between what passed and what was refused.
/** A measured bound is a little under what was measured, or the next call is refused again. */
export const margin = 0.985
/** One event is one observation: never below this share at once. */
export const leastCut = 0.2
/**
 * A bound stands for 10 s before it is tried again, twice as long after each confirmation (up to 32 times: one refusal in five minutes
 * is all that a standing limit costs). Then 1 % a second, twice as fast after ten: a restored quota is found within half a minute
 * (CUBIC's shape). What nobody used was not shown to be there: 8 times at most.
 */
export const holdMs = 10_000
export const holdDoublings = 5
export const doublingS = 10
export const mostGrown = 8
/**
 * What may leave at once, and how close together, stand so many times as long: more of it brings a burst, once, and each try above
 * it is refused. Six times refuses 1 % less and is slower where sizes differ.
 */
export const slowHolds = 3
/** A vendor that limits growth allows about twice the traffic of the minute before. */
export const growth = 2
export const growthPerS = 0.01
/** A limit that nobody told and that lets a call through in less is fast: several leave before a refusal is heard. */
export const fastMs = 60
/** A guess of its rate doubles in the time of so many calls. */
export const fastCalls = 20
/** Grown this far above the last bound: the vendor changed, try eagerly again. */
export const changed = 1.3
/** Between a sure and a possible rate 60 times apart: three steps pass whatever the bucket had hidden. */
export const searchDoublingMs = 3_000
/** So many refusals in a row, each within the time that a bound stands, may be chance. */
export const chances = 4
/** Fewer calls than this measure a rate badly … */
export const fewCalls = 8
/** … so they cut it to this share at most. */
export const leastByFew = 0.8
/** A measure of many calls this far below what was believed: the rate, whatever the depth. */
export const clearly = 0.95
/** More than this many calls in the backlog: they left together. */
export const together = 1.25
/** What slices behind a right limit may hold is not more than this brings; a deeper bucket may be one of a lower rate. */
export const deepMs = 3_000
/** The first refusal of a burst names the depth, but for what the network reordered. */
export const firstDepth = 0.9

// Slow start.
/** First burst: small against any vendor's minute, and never more than a second's worth. */
export const rampBase = 10
/** Doubling time; a refusal is back in 50 to 200 ms. */
export const rampStepMs = 250
/** A server that queues says nothing before its first answer; one of four places is through with so many calls in sixteen answers' time. */
export const noHerd = 64
/** Beyond this share of a limit … */
export const firstWave = 0.2
/** … doubling takes so many steps: told three times too much costs 1 % of the calls. */
export const laterSteps = 4

// The network.
/** So much closer together than they left calls may reach the vendor, once refusals say that calls came too early. */
export const mostJitterMs = 250
/** Calls of the last so many ms may reach the vendor in another order. */
export const orderMs = 250

// Headers.
/** So many readings in a row must say that more remains: calls on the wire make one reading too high. */
export const raises = 5
/** Headers this recent describe the present. */
export const trustMs = 60_000
/** "Has room" is beyond any rounding of the vendor's numbers. */
export const room = 0.02
/** Answers that must agree on the kind of window. */
export const windowReadings = 3
/** `remaining` + rate × reset above the limit by this share of it: no bucket. */
export const windowExcess = 0.25
/** Resets are rounded to seconds. */
export const windowSlack = 0.05
/** `remaining` + rate × reset stays the same over this share of a window: a bucket of that depth. */
export const depthSpan = 0.1

// Co-tenants.
/** Time constant of what others take: a few bursts of theirs. */
export const othersMs = 15_000
/** What is missing is measured over so long, and while so many calls' worth flows in: a call more or less is a twentieth. */
export const missingMs = 2_000
export const missingCalls = 20
/** And of the variance of their bursts. */
export const surpriseMs = 10_000
/** Room for so many standard deviations of what they take while an answer is out. */
export const headroom = 18
/** They never take more of the limit than this. */
export const othersMost = 0.8
/** And room for them leaves this share of what was ever seen to stand ready. */
export const othersRoom = 0.7

// Room that is kept for higher priority.
/** Calls that come at random take no more than their mean and so many standard deviations, 95 times of 100. */
export const keptSigma = 1.65
/** At most this share of what a window brings: who waits for the rest never starves. */
export const keptMost = 0.5

// The gate.
/** Nobody named a delay and no limit explains the refusal. */
export const backoffMs = 250
/** At most 32 s. */
export const backoffDoublings = 7
/** A vendor's delay that did not help is lengthened by no more than this. */
export const longestDoubtMs = 60_000
/** One that is the same twice is tried after this share of it, once … */
export const tried = 0.25
/** … where it is so long: shorter ones are the same by chance, and cost less than they may. */
export const longDelayMs = 30_000
/** A guessed rate is looked for as far up as this many times. */
export const mostSought = 60
/** After the probe: 1 to 500 starts in a second. */
export const probeDoublingMs = 125
/** A gate that let through so many is open. */
export const gateStarts = 4_096
/** Processes behind one quota must not come back in the same millisecond. */
export const gateJitter = 0.1
export const gateJitterMs = 100

// Places and outages.
/** Of at least so many starts … */
export const fewestStarts = 16
/** … of so many that count back … */
export const starts = 64
/** … this share was refused: servers refuse fewer by bad luck, and more when their places are taken. */
export const luck = 0.16
/** Failures in a row that mean an outage: 1 in 1,000 at a failure rate of 25 %. */
export const outageFailures = 5
/** A vendor that is back must be noticed within this; each probe costs a call one of its attempts. */
export const outageMs = 2_000
/** Refused with this share of the limit in flight: one or two too high, else far too high. */
export const nearlyAll = 0.8
/** So many refusals in a row of whoever takes the last place are no chance, where nothing says what was short. */
export const topRow = 3
/** Rates are often checked by the second: who leaves this much after the last call shares no slice with it. */
export const apartMs = 1_000
/** One refusal in five minutes, where one more than has room is tried. */
export const tryMs = 300_000
/** Each answer moves what calls usually take by this share: it is a matter of a factor of two. */
export const usual = 0.2
