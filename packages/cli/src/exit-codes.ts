/** What `sluice` answers to the shell. */
export const exitCodes: Readonly<{ done: 0; someFailed: 1; usage: 2; stopped: 3; failedCheck: 4; interrupted: 130 }> =
  Object.freeze({
    /** All done. */
    done: 0,
    /** Ended, but some items failed, or the run could not go on. */
    someFailed: 1,
    /** The command or its input makes no sense; nothing was spent on it. */
    usage: 2,
    /** Stopped by a budget or an exhausted quota; the same command goes on later. */
    stopped: 3,
    /** All answered, and some answers fail a check of `--assert`. */
    failedCheck: 4,
    /** Interrupted; the same command goes on. */
    interrupted: 130,
  })
