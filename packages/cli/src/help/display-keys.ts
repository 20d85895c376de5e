/** What may be pressed while a run is displayed on a terminal. */
export const displayKeys =
  "While it runs on a terminal: p pauses and goes on, + and - change how many calls there are at once, q finishes what is in flight"
