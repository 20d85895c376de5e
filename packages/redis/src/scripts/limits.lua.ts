/** How each kind of limit counts, and what a quota is beside its limits: the part that all scripts begin with. Time is the server's, in milliseconds. */
export const limitsLua = `
local now = tonumber(ARGV[2])
if now == 0 then local t = redis.call('TIME'); now = t[1] * 1000 + t[2] / 1000 end
-- A limit: id, nm name, d dimension (1 requests 2 tokens 3 input 4 output 5 dollars), w window, kd kind, lim per window, r rate, b burst,
-- k sum of corrections; what it holds: v level (bucket), x and u (sliding), u, nx and z reset (fixed), u and o open (total).
local SLOTS = 120
local DAY = 86400000
local function amount(l, c)
  local d = l.d
  if d == 1 then return c[1] elseif d == 2 then return c[2] + c[3] elseif d == 3 then return c[2] elseif d == 4 then return c[3] end
  return c[4]
end
local function slot(l, t) local size = l.w / SLOTS; return math.ceil(t / size) * size + l.w + l.j end
-- So much counts from t on.
local function count(l, t, a)
  local at, x = slot(l, t), l.x
  l.u = l.u + a
  for i = #x, 1, -1 do
    if x[i][1] == at then x[i][2] = x[i][2] + a; return end
    if x[i][1] < at then table.insert(x, i + 1, { at, a }); return end
  end
  table.insert(x, 1, { at, a })
end
local function advance(l, now, dt, f)
  if l.kd == 'bucket' then l.v = math.min(l.b, l.v + dt * l.r * f)
  elseif l.kd == 'sliding' then
    local x, gone = l.x, 0
    while x[gone + 1] and x[gone + 1][1] <= now do gone = gone + 1; l.u = l.u - x[gone][2] end
    if gone > 0 then local rest = {}; for i = gone + 1, #x do rest[#rest + 1] = x[i] end; l.x = rest; if #rest == 0 then l.u = 0 end end
  elseif l.kd == 'fixed' and now >= l.z + l.j then
    local n = math.floor((now - l.z) / l.w) + 1
    l.z = l.z + n * l.w; l.u = n == 1 and l.nx or 0; l.nx = 0
  end
end
local function level(l) if l.kd == 'bucket' then return l.v end; return l.lim - l.u end
-- When so much fits, or nil where time alone does not help. f: the share of the rate that is ours.
local function earliest(l, a, now, f, extra)
  if a <= 0 then return now end
  if l.kd == 'bucket' then
    local missing = math.min(a, l.b) - l.v - extra
    if missing <= 1e-6 then return now end
    return now + missing / (l.r * f)
  end
  local cap = l.kd == 'total' and l.lim or l.lim * f
  local need = math.min(a, cap) - (cap - l.u)
  if l.kd == 'total' then if a <= l.lim - l.u + 1e-9 then return now end; return nil end
  if need <= 1e-6 then return now end
  if l.kd == 'fixed' then
    if l.w < DAY and l.nx + a <= cap then return l.z + l.j end
    return nil
  end
  local freed = 0
  for i = 1, #l.x do
    freed = freed + l.x[i][2]
    if freed >= need - 1e-6 then return math.max(now, l.x[i][1]) end
  end
  return now + l.w
end
local function take(l, a, t)
  if l.kd == 'bucket' then l.v = l.v - a
  elseif l.kd == 'sliding' then if a ~= 0 then count(l, t, a) end
  elseif l.kd == 'fixed' then if t >= l.z then l.nx = l.nx + a else l.u = l.u + a end
  else l.u = l.u + a; l.o = l.o + a end
end
-- What was taken at from and not used, or, negative, used beyond it.
local function give(l, a, from, now)
  if a == 0 then return end
  if l.kd == 'bucket' then l.v = math.min(l.b, l.v + a)
  elseif l.kd == 'sliding' then
    local at = slot(l, from)
    if at <= now then return end
    count(l, from, -a)
  elseif l.kd == 'fixed' then
    if from >= l.z then l.nx = l.nx - a elseif from >= l.z - l.w then l.u = l.u - a end
  else l.u = l.u - a end
end
-- The level is d higher than was thought.
local function correct(l, d, now)
  if l.kd == 'bucket' then local v = math.min(l.b, l.v + d); d = v - l.v; l.v = v
  elseif l.kd == 'sliding' then
    if d < 0 then count(l, now, -d)
    else
      local left = d
      for i = #l.x, 1, -1 do local back = math.min(left, math.max(0, l.x[i][2])); l.x[i][2] = l.x[i][2] - back; left = left - back end
      d = d - left; l.u = l.u - d
    end
  else l.u = l.u - d end
  l.k = l.k + d
end
-- td told, ts set by an operator, lm found, ef found to be used, bu burst found, lk kind found.
local function tune(l, now)
  local base = l.ts or l.td or 1e15
  if l.lm and l.lm < base then base = l.lm end
  local before = l.lim
  l.lim = math.min(base, l.ef or base)
  l.r = l.lim / l.w
  local depth = math.min(base, l.tb or base)
  l.b = l.bu or math.max(math.min(1, depth), depth - base / l.w * l.j)
  local kind = l.lk or l.tk or 'bucket'
  if kind == 'fixed' and not l.z then kind = 'sliding' end
  if l.kd ~= kind then
    local had = l.kd and (l.kd == 'bucket' and l.v or before - l.u)
    l.kd = kind
    if kind == 'bucket' then l.v = had and math.min(l.b, had) or l.b
    else
      l.u = 0; l.x = {}; l.nx = 0; l.o = 0
      if had and had < l.lim then if kind == 'sliding' then count(l, now, l.lim - had) else l.u = l.lim - had end end
    end
  elseif kind == 'bucket' then l.v = math.min(l.b, l.v) end
end
-- A quota: L limits, at when it was last looked at, f share of the rates that is left to the living; cs places set by an operator, ct told, cl found.
local function forward(s)
  local dt = math.max(0, now - s.at)
  for i = 1, #s.L do advance(s.L[i], now, dt, s.f) end
  s.at = math.max(now, s.at)
end
local function placesOf(s) return s.cs or (s.ct and s.cl and math.min(s.ct, s.cl)) or s.ct or s.cl or -1 end
local function close(s, untilMs)
  s.g = math.max(s.g, untilMs); s.sh = 1; s.rb = 1; s.bt = 1e15; s.ra = 0; s.rf = s.g; s.rs = 0; s.pr = 0; s.fr = nil
end
-- Keeps it, and returns for how long.
local function keep(s)
  local life = 3600000
  for i = 1, #s.L do if s.L[i].kd == 'total' or s.L[i].w >= DAY then life = 2 * DAY end end
  redis.call('SET', KEYS[1], cmsgpack.pack(s), 'PX', life)
  return life
end
`
