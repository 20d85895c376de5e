import { render } from "preact"
import { App } from "./app.tsx"
import { connect } from "./live/connection.ts"
import "uplot/dist/uPlot.min.css"
import "./styles/base.css"
import "./styles/frame.css"
import "./styles/overview.css"
import "./styles/items.css"
import "./styles/item.css"
import "./styles/flow-and-timeline.css"
// Last: it says otherwise of what is above.
import "./styles/narrow.css"

connect()
render(<App />, document.querySelector("#page")!)
