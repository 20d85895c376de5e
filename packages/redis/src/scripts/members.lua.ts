import { limitsLua } from "./limits.lua.ts"

/** The first part of a turn: the state, who is there and who is gone, and what they tell of the limits. */
export const membersLua: string = `${limitsLua}
local m = cjson.decode(ARGV[1])
local SEEN, TOLD, PLACES, HEARD, LOST, ASKING, BUS = KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], ARGV[3]
local s, r = load(m.p)
-- Ages are told as they were when it left: after a long way they are wrong, and so is what it says of now.
if m.at and now - m.at > m.ls / 3 then return cjson.encode({ late = 1, now = now }) end
-- Who is not known, or not known to this life of the data, introduces itself.
if not m.told and (not s or not r) then return '{"who":1}' end
local isFirst = not s
if isFirst then
  s = { born = m.nb, pv = 0, ep = 1, at = now, f = 1, L = {}, g = 0, gc = 0, st = 250,
    c = -1, n = 0, ds = {}, tn = {}, tw = 0, rv = {}, la = {}, vm = 0, as = true, op = { 0, 0, 0, 0 }, lr = '', lu = 0, nm = m.told.name, refused = 0, episodes = 0, started = 0, turns = 0 }
  -- It begins with few calls, and no gate was closed yet.
  if m.told.ramp > 0 and not m.b then s.ramp = { isFirst = true, base = m.told.ramp, wave = m.told.wave, since = now, started = 0, answered = 0 } end
end
local L = s.L
-- Nobody was heard for long, as Redis was away: nobody is taken for gone before it could be heard again.
local gap = now - s.at
if gap > m.ls * 2 / 3 then s.nx = now + m.ls end
-- Whoever is here may have gone on alone: of that time nothing is left.
local isSkipped = gap > m.ls and m.off > 0 and redis.call('ZCARD', SEEN) > 0
if isSkipped then s.at = s.at + min(gap, m.off) - m.ls end
forward(s)
-- What a call far ahead takes of limits that do not hold it back is taken a little before it starts.
if s.la[1] then
  local rest = {}
  for _, x in ipairs(s.la) do
    if x[1] > now then rest[#rest + 1] = x else for i = 1, #L do if L[i].id == x[2] then take(L[i], x[3], now, s.f) end end end
  end
  s.la = rest
end
s.turns = s.turns + 1
-- What is dated: by slots of 50 ms and by priority.
if #s.ds > 0 then local ds = {}; for _, x in ipairs(s.ds) do if x[1] > now then ds[#ds + 1] = x end end; s.ds = ds end
local function ahead(l, below) local sum = 0; for _, x in ipairs(s.ds) do if x[3] < below then sum = sum + amount(l, x[2], 0) end end; return sum end

-- Tenants: each has a share, whoever has its calls.
local function tenants(before, after)
  for t, w in pairs(before) do
    local x = s.tn[t]
    if x then x[1] = x[1] - 1; if x[1] <= 0 then s.tn[t] = nil end end
  end
  for t, w in pairs(after) do
    local x = s.tn[t]
    if x then x[1] = x[1] + 1; x[2] = w else s.tn[t] = { 1, w } end
  end
  local sum = 0
  for _, x in pairs(s.tn) do sum = sum + x[2] end
  s.tw = sum
end
-- Nothing is taken to stand ready. A day is not waited for.
local function empty(l)
  if l.w >= DAY or l.kd == 'total' then return end
  if l.kd == 'bucket' then l.v = min(0, l.v) elseif level(l) > 0 then if l.kd == 'sliding' then count(l, now, level(l)) else l.u = l.lim end end
end
local retell = false
local function open(x, amounts)
  for i = 1, 4 do s.op[i] = s.op[i] + amounts[i] - (x.op and x.op[i] or 0) end
  x.op = amounts
end
local function forget(p, x)
  s.n = s.n - x.h
  open(x, { 0, 0, 0, 0 })
  if x.T then tenants(x.T, {}) end
  -- What it had reserved of a total is spent, as far as anybody knows.
  for i = 1, #L do if L[i].kd == 'total' then L[i].o = max(0, L[i].o - (x.os or 0)) end end
  redis.call('HDEL', KEYS[1], p); redis.call('HDEL', TOLD, p); redis.call('ZREM', SEEN, p); redis.call('ZREM', PLACES, p); redis.call('ZREM', ASKING, p)
  redis.call('XADD', HEARD, 'MAXLEN', '~', 1024, '*', 'e', cjson.encode({ t = now, gone = p }))
  retell = true
end

-- Members: one lease per process. Who is silent for longer gives its places back, and may be running on its own for a while.
local isNew = not r
redis.call('ZADD', SEEN, now, m.p)
-- nx: nobody has been silent for so long before then.
local silent = {}
if now >= (s.nx or 0) then
  silent = redis.call('ZRANGEBYSCORE', SEEN, '-inf', now - m.ls, 'LIMIT', 0, 16)
  s.nx = #silent == 0 and tonumber(redis.call('ZRANGE', SEEN, 0, 0, 'WITHSCORES')[2]) + m.ls or 0
end
for _, p in ipairs(silent) do
  local v = redis.call('HGET', KEYS[1], p)
  local x = v and cmsgpack.unpack(v) or { h = 0 }
  forget(p, x)
  if (x.sa or 0) > 0 and (x.off or 0) > 0 then s.lo = true; redis.call('ZADD', LOST, now + x.off, p .. ':' .. x.sa .. ':' .. x.off) end
end
local lostShare = 0
-- lo: some may be lost. Who makes the state anew does not know.
if s.lo or isFirst then
  redis.call('ZREMRANGEBYSCORE', LOST, '-inf', now)
  local all = redis.call('ZRANGE', LOST, 0, 255)
  s.lo = #all > 0 or nil
  for i = 1, #all do
    local p, share = all[i]:match('^(.*):([^:]*):[^:]*$')
    if isNew and p == m.p then redis.call('ZREM', LOST, all[i]) else lostShare = lostShare + tonumber(share) end
  end
end
s.f = max(0.01, 1 - lostShare)
local alive = redis.call('ZCARD', SEEN)

if m.told then redis.call('HSET', TOLD, m.p, cjson.encode(m.told)); retell = true end
if isNew then r = { h = 0, s = -1, j = now, T = {}, sa = 0, os = 0 } end
r.off = m.off
-- Of what members tell differently the lower counts, until all tell the same.
if retell then
  local told, c, total = {}, nil, nil
  s.df = nil
  for _, v in ipairs(redis.call('HVALS', TOLD)) do
    local x = cjson.decode(v)
    for _, l in ipairs(x.L) do
      local one = told[l.id]
      if one and one.limit ~= l.limit then s.df = l.nm end
      if not one or l.limit < one.limit then told[l.id] = l end
    end
    if x.c and x.c > 0 then if c and c ~= x.c then s.df = 'concurrency' end; c = min(c or x.c, x.c) end
    if x.ci and x.ci > 0 and not s.cl then s.cl = x.ci end
  end
  local changed = c ~= s.ct
  s.ct = c
  for i = 1, #L do
    local l = L[i]
    local x = told[l.id]
    if x then
      if x.limit ~= l.td or x.kind ~= l.tk or x.burst ~= l.tb then changed = true; l.td = x.limit; l.tk = x.kind; l.tb = x.burst; l.nm = x.nm; learned(l, {}); tune(l, now) end
      told[l.id] = nil
    end
  end
  for id, x in pairs(told) do
    changed = true
    local l = { id = id, nm = x.nm, d = x.d, w = x.w, td = x.limit, tk = x.kind, tb = x.burst, j = x.j, z = x.z and now + x.z, k = 0 }
    tune(l, now)
    -- Data were lost, and somebody remembers them.
    if isFirst and m.b then empty(l) end
    L[#L + 1] = l
  end
  if changed then s.pv = s.pv + 1 end
end
`
