// The least that somebody compiles.
import { define } from "sluice"

define<object>()
