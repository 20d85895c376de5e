/** The live page: the truth of `/lab/stats` once a second, as figures and bars. One file, no dependency, works offline. */
export const LIVE_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sluice lab</title>
<style>
  :root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; --ok: #2f9e6e; --no: #d9534f; --line: color-mix(in srgb, currentColor 18%, transparent) }
  body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
  h1 { font-size: 1.3rem } h2 { font-size: 1rem; margin: 2rem 0 .5rem }
  dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .75rem; margin: 0 }
  dl div { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .75rem }
  dt { font-size: .8rem; opacity: .7 } dd { margin: 0; font-size: 1.3rem; font-variant-numeric: tabular-nums }
  table { border-collapse: collapse; width: 100% } td { padding: .2rem .5rem .2rem 0; font-variant-numeric: tabular-nums } td:nth-child(2) { width: 60% }
  .bar { background: var(--line); border-radius: .25rem; overflow: hidden; height: .8rem } .bar i { display: block; height: 100%; background: var(--ok) }
  #seconds { display: flex; align-items: flex-end; gap: 1px; height: 8rem; border-bottom: 1px solid var(--line) }
  #seconds span { flex: 1; display: flex; flex-direction: column; justify-content: flex-end; height: 100% }
  #seconds i { background: var(--no) } #seconds b { background: var(--ok) }
  button { font: inherit } #state { opacity: .7 }
</style>
</head>
<body>
<h1>Sluice lab: what the vendor saw <small id="state"></small></h1>
<dl id="figures"></dl>
<h2>Limits: what is left</h2><table id="limits"></table>
<h2>Share of the quota used</h2><table id="used"></table>
<h2>Last 120 seconds: <span style="color:var(--ok)">started</span>, <span style="color:var(--no)">refused</span></h2><div id="seconds"></div>
<h2>Refused and failed, by reason</h2><table id="reasons"></table>
<p><button id="reset">Start afresh</button></p>
<script>
const byId = (id) => document.getElementById(id)
const number = (value) => value === undefined ? "–" : value.toLocaleString("en")
// Names come from the vendor's own options, but text is text: never markup.
const element = (tag, text, ...children) => { const made = document.createElement(tag); if (text !== undefined) made.textContent = text; made.append(...children); return made }
const bar = (share) => { const fill = element("i"); fill.style.width = Math.min(100, Math.max(0, share * 100)) + "%"; const made = element("div", undefined, fill); made.className = "bar"; return made }
const row = (name, share, text) => element("tr", undefined, element("td", name), element("td", undefined, bar(share)), element("td", text))
function draw(stats) {
  const figures = { Arrived: stats.arrived, Answered: stats.answered, Refused: stats.refused, "In flight": stats.inFlight, "Most in flight": stats.maxInFlight, "Input tokens": stats.inputTokens, "Output tokens": stats.outputTokens, Repeats: stats.repeats, "Bad requests": stats.badRequests, "Batch answers": stats.batches.answered }
  byId("figures").replaceChildren(...Object.entries(figures).map(([name, value]) => element("div", undefined, element("dt", name), element("dd", number(value)))))
  byId("limits").replaceChildren(...stats.limits.map((limit) => row(limit.dimension, limit.remaining / limit.limit, number(limit.remaining) + " of " + number(limit.limit))))
  byId("used").replaceChildren(...Object.entries(stats.utilisation).map(([name, share]) => row(name, share, (share * 100).toFixed(1) + " %")))
  const reasons = [...Object.entries(stats.refusedByReason), ...Object.entries(stats.failed)]
  const most = Math.max(1, ...reasons.map(([, count]) => count))
  byId("reasons").replaceChildren(...reasons.map(([name, count]) => row(name, count / most, number(count))))
  const seconds = new Map(stats.perSecond.map((second) => [second.second, second]))
  const last = Math.max(0, ...seconds.keys())
  const shown = Array.from({ length: 120 }, (_, index) => seconds.get(last - 119 + index) ?? { starts: 0, refusals: 0 })
  const highest = Math.max(1, ...shown.map((second) => second.starts + second.refusals))
  byId("seconds").replaceChildren(...shown.map((second) => {
    const refused = element("i"), started = element("b"), column = element("span", undefined, refused, started)
    refused.style.height = second.refusals / highest * 100 + "%"; started.style.height = second.starts / highest * 100 + "%"
    column.title = number(second.starts) + " started, " + number(second.refusals) + " refused"
    return column
  }))
}
async function poll() {
  try { draw(await (await fetch("/lab/stats")).json()); byId("state").textContent = "" } catch { byId("state").textContent = "(not reachable)" }
  setTimeout(poll, 1000)
}
byId("reset").addEventListener("click", () => fetch("/lab/reset", { method: "POST" }))
poll()
</script>
</body>
</html>
`
