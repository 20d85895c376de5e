/** Records from this index on are of inputs that the last run did not have: they wait to be asked for again. */
export const apart: number = 2 ** 40
