import type { SluiceEvent } from "@sluice/core"

/** The event of a type. */
export type ToldEvent<Type extends SluiceEvent["type"]> = Extract<SluiceEvent, { type: Type }>
