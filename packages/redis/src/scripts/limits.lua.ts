/** How each kind of limit counts, and what a quota is beside its limits: the part that all scripts begin with. Time is the server's, in milliseconds. */
export const limitsLua = `
local min, max = math.min, math.max
local now = tonumber(ARGV[2])
if now == 0 then local t = redis.call('TIME'); now = t[1] * 1000 + t[2] / 1000 end
-- A limit: id, nm name, d dimension (1 requests 2 tokens 3 input 4 output 5 dollars), w window, kd kind, lim per window, b burst,
-- k sum of corrections, n how often its numbers changed, e by how many ms calls are kept further apart than it asks; what it holds: v level (bucket), x and u (sliding), u, nx and z reset (fixed), u and o open (total).
-- Who may not is told of that by what it cannot hear.
local function say(channel, words) redis.pcall('PUBLISH', channel, words) end
local SLOTS = 120
local DAY = 86400000
-- How much of it is in c, whose amounts (requests, input, output, dollars) follow index i.
local function amount(l, c, i)
  local d = l.d
  if d == 1 then return c[i + 1] elseif d == 2 then return c[i + 2] + c[i + 3] elseif d == 3 then return c[i + 2] elseif d == 4 then return c[i + 3] end
  return c[i + 4]
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
-- Where calls arrive closer together than they left, a bucket is waited for a little longer than until it holds enough.
local function spare(l) return l.kd == 'bucket' and l.e and l.e * l.lim / l.w or 0 end
local function advance(l, now, dt, f)
  if l.kd == 'bucket' then l.v = min(l.b + spare(l), l.v + dt * f * l.lim / l.w)
  elseif l.kd == 'sliding' then
    local x, gone = l.x, 0
    while x[gone + 1] and x[gone + 1][1] <= now do gone = gone + 1; l.u = l.u - x[gone][2] end
    if gone > 0 then local rest = {}; for i = gone + 1, #x do rest[#rest + 1] = x[i] end; l.x = rest; if #rest == 0 then l.u = 0 end end
  elseif l.kd == 'fixed' and now >= l.z + l.j then
    local n = math.floor((now - l.z) / l.w) + 1
    l.z = l.z + n * l.w; l.u = n == 1 and l.nx or 0; l.nx = 0
  end
end
local function level(l) if l.kd == 'bucket' then return min(l.b, l.v) end; return l.lim - l.u end
-- When so much fits, or nil where time alone does not help. f: the share of the rate that is ours.
local function earliest(l, a, now, f, extra)
  if a <= 0 then return now end
  if l.kd == 'bucket' then
    local missing = min(a, l.b) + spare(l) - l.v - extra
    if missing <= 1e-6 then return now end
    return now + missing * l.w / (l.lim * f)
  end
  local cap = l.kd == 'total' and l.lim or l.lim * f
  -- Between a reset and the moment at which it is sure to be past, a call may count in either window: it must fit with both.
  local need = min(a, cap) - (cap - l.u - (l.kd == 'fixed' and now >= l.z and l.nx or 0))
  if l.kd == 'total' then if a <= l.lim - l.u + 1e-9 then return now end; return nil end
  if need <= 1e-6 then return now end
  if l.kd == 'fixed' then
    if l.w < DAY and l.nx + a <= cap then return l.z + l.j end
    return nil
  end
  local freed = 0
  for i = 1, #l.x do
    freed = freed + l.x[i][2]
    if freed >= need - 1e-6 then return max(now, l.x[i][1]) end
  end
  return now + l.w
end
local function take(l, a, t, f)
  if l.kd == 'bucket' then
    -- What it was waited for beyond that is nobody's.
    if l.e then l.v = l.v - max(0, min(l.b + spare(l), l.v + (t - now) * f * l.lim / l.w) - l.b) end
    l.v = l.v - a
  elseif l.kd == 'sliding' then if a ~= 0 then count(l, t, a) end
  elseif l.kd == 'fixed' then if t >= l.z then l.nx = l.nx + a else l.u = l.u + a end
  else l.u = l.u + a; l.o = l.o + a end
end
-- So much more or less is in a bucket; what was waited for beyond its depth stays.
local function fill(l, a) l.v = a > 0 and max(l.v, min(l.b, l.v + a)) or l.v + a end
-- What was taken at from and not used, or, negative, used beyond it.
local function give(l, a, from, now)
  if a == 0 then return end
  if l.kd == 'bucket' then fill(l, a)
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
  if l.kd == 'bucket' then local v = l.v; fill(l, d); d = l.v - v
  elseif l.kd == 'sliding' then
    if d < 0 then count(l, now, -d)
    else
      local left = d
      for i = #l.x, 1, -1 do local back = min(left, max(0, l.x[i][2])); l.x[i][2] = l.x[i][2] - back; left = left - back end
      d = d - left; l.u = l.u - d
    end
  else l.u = l.u - d end
  l.k = l.k + d
end
-- td told, ts set by an operator, lm found, ef found to be used, bu burst found, lk kind found.
local function learned(l, x) l.lm, l.ef, l.bu, l.e = x.lm, x.ef, x.bu, x.e end
local retuned = false
local function tune(l, now)
  retuned = true
  l.n = (l.n or 0) + 1
  local base = l.ts or l.td or 1e15
  if l.lm and l.lm < base then base = l.lm end
  local before = l.lim
  l.lim = min(base, l.ef or base)
  local depth = min(base, l.tb or base)
  l.b = l.bu or max(min(1, depth), depth - base / l.w * l.j)
  local kind = l.lk or l.tk or 'bucket'
  if kind == 'fixed' and not l.z then kind = 'sliding' end
  if l.kd ~= kind then
    local had = l.kd and (l.kd == 'bucket' and l.v or before - l.u)
    l.kd = kind
    if kind == 'bucket' then l.v = had and min(l.b, had) or l.b
    else
      l.u = 0; l.x = {}; l.nx = 0; l.o = 0
      if had and had < l.lim then if kind == 'sliding' then count(l, now, l.lim - had) else l.u = l.lim - had end end
    end
  elseif kind == 'bucket' then l.v = min(l.b, l.v) end
end
-- A quota: L limits, at when it was last looked at, f share of the rates that is left to the living; cs places set by an operator, ct told, cl found.
local function forward(s)
  local dt = max(0, now - s.at)
  for i = 1, #s.L do advance(s.L[i], now, dt, s.f) end
  s.at = max(now, s.at)
end
local function placesOf(s) return s.cs or (s.ct and s.cl and min(s.ct, s.cl)) or s.ct or s.cl or -1 end
-- A quota that opens or begins lets one call go ahead, the probe, then base, and twice as many each step since then.
local function close(s, untilMs)
  s.g = max(s.g, untilMs)
  s.ramp = { isShut = true, base = 1, wave = 1e15, since = s.g, started = 0, answered = 0 }
end
-- In one hash: what limits are, which seldom changes and stays packed as it is; what they hold now, with all else that moves; each member, by its name.
local function load(p)
  local kept = redis.call('HMGET', KEYS[1], 'now', 'limits', p)
  local r = kept[3] and cmsgpack.unpack(kept[3])
  if not kept[1] then return nil, r end
  local s = cmsgpack.unpack(kept[1])
  -- o: the clock was set back by so much, or this is another server's. Time goes on from where it was.
  if now + (s.o or 0) < s.at then s.o = s.at - now end
  now = now + (s.o or 0)
  local L = kept[2] and cmsgpack.unpack(kept[2]) or {}
  for i = 1, #L do
    local l, h = L[i], s.L[i]
    if l.kd == 'bucket' then l.k, l.v = h[1], h[2] else l.k, l.u, l.x, l.nx, l.o, l.z = unpack(h, 1, 6) end
  end
  s.L = L
  return s, r
end
local function keep(s, ...)
  local L, held = s.L, {}
  for i = 1, #L do
    local l = L[i]
    held[i] = l.kd == 'bucket' and { l.k, l.v } or { l.k, l.u, l.x, l.nx, l.o, l.z }
  end
  if retuned then redis.call('HSET', KEYS[1], 'limits', cmsgpack.pack(L)) end
  s.L = held
  redis.call('HSET', KEYS[1], 'now', cmsgpack.pack(s), ...)
end
`
