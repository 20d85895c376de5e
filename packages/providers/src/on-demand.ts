/**
 * What `limitedFetch` loads with the first call that needs any of it: most apps send no files, meet no redirect, have one key
 * and no vendor's batch, and would begin with a sixth more. One module, not one for each: bundlers would cut what they share into many
 * small files, which weigh more than they save. `limited-fetch.ts` alone loads it, and hands on what others need (`RareCases`): it
 * leads back to most of what a call is made of.
 */
export { isBesideModels } from "./call/beside/is-beside-models.ts"
export { sendBeside } from "./call/beside/send-beside.ts"
export { warnOfHole } from "./call/beside/warn-of-hole.ts"
export { warnOfAnswer, warnOfManyFetches, warnOfPrice, warnOfStack } from "./call/telling/rare-warnings.ts"
export { unanswered } from "./call/failure/unanswered.ts"
export { sendByFallback } from "./call/elsewhere/fallback.ts"
export { followRedirects } from "./http/sending/follow-redirects.ts"
export { checkSendable } from "./http/sending/unsendable.ts"
export { SlowAnswers } from "./call/slow-answers.ts"
export { BatchLanes } from "./vendor-batch/batch-lanes.ts"
