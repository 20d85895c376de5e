/** Something the person who started the demo can put right: one line, exit code 2. */
export class UsageError extends Error {}
