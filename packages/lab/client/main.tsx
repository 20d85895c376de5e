import { render } from "preact"
import { App } from "./app.tsx"
import { connect } from "./live.ts"
import "uplot/dist/uPlot.min.css"
import "../../page/client/styles/base.css"
import "../../page/client/styles/frame.css"
import "../../page/client/styles/overview.css"
import "./lab.css"
// Last: it says otherwise of what is above.
import "../../page/client/styles/narrow.css"

connect()
render(<App />, document.querySelector("#page")!)
