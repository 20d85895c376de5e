import { membersLua } from "./members.lua.ts"

/**
 * One turn of one process: what ended, what waits -> what may start, and when. All times are the server's; durations alone cross the wire.
 * The message and the answer are described in `../wire/turn.ts`.
 */
export const turnLua: string = `${membersLua}
s.c = placesOf(s)
-- A newcomer began anew before somebody came who remembers an older life.
if m.b and m.b ~= s.born and not s.rm then
  s.rm = 1
  if not isFirst then s.ep = s.ep + 1; for i = 1, #L do empty(L[i]) end end
end

-- All that it was ever granted, as it heard: of more an answer never arrived, and that never started; of less nothing is known here, as this
-- is a replica that has not got it.
local unheard, differs = {}, false
for i = 1, 4 do unheard[i] = (r.g or m.g)[i] - m.g[i]; differs = differs or math.abs(unheard[i]) > 1e-9 end
if differs then
  for i = 1, #L do local a = amount(L[i], unheard, 0); give(L[i], a, now, now); if L[i].kd == 'total' then L[i].o = L[i].o - a end end
end
s.n = s.n - r.h + m.h
-- Taken here and not started yet, as far as anybody told: at the vendor it stands ready still.
local held = m.O or { 0, 0, 0, 0 }
open(r, held)
local mine, freed = m.h, m.h < r.h

local closed = false
if m.s > r.s then
  r.s = m.s
  local S = m.S
  for at = 0, #S - 1, 6 do
    local from, reserved = now - S[at + 5], S[at + 6]
    for i = 1, #L do
      local l = L[i]
      give(l, amount(l, S, at), from, now)
      if l.kd == 'total' then l.o = l.o - reserved; r.os = (r.os or 0) - reserved end
    end
  end
  -- What was started while nobody could be asked, where it counts for a whole window; a bucket's share was left to it. Nothing of an older life.
  if m.al and m.b == s.born then
    for at = 0, #m.al - 1, 5 do
      for i = 1, #L do local l = L[i]; if l.kd ~= 'bucket' then give(l, -amount(l, m.al, at), now - m.al[at + 5], now) end end
    end
  end
  local ramp = s.ramp
  if ramp and m.ok > 0 then
    ramp.answered = ramp.answered + m.ok
    if ramp.probes and now - m.oka >= ramp.since - 1 then ramp.probes = nil; ramp.since = now; ramp.base = 2 end
  end
  for _, x in ipairs(m.R or {}) do
    s.refused = s.refused + 1
    if x[2] >= 0 then
      -- What was asked for before the gate closed, and left before that was heard, is of the same event.
      if now - x[3] > s.gc then
        s.gc = now; s.ep = s.ep + 1; s.ds = {}; s.episodes = s.episodes + 1; closed = true
        s.st = max(250, 2 * min(5000, x[1]))
        close(s, now + x[2])
      elseif now + x[2] > s.g then closed = true; close(s, now + x[2]) end
    end
  end
  for _, x in ipairs(m.X or {}) do
    for i = 1, #L do
      local l = L[i]
      if l.id == x[1] and x[2] < l.lim then
        l.lm = x[2]; tune(l, now); s.pv = s.pv + 1
        if level(l) > x[3] then correct(l, x[3] - level(l), now) end
      end
    end
  end
  if m.F then s.fa = { m.F[1], m.F[2] >= 0 and now + m.F[2] or -1, m.F[3], now } end
  if m.ev or m.al or isSkipped then
    local lv = {}
    for i = 1, #L do
      local l = L[i]
      -- With what is taken and not started, each such call a little apart.
      local apart = spare(l)
      local held = (apart > 0 and l.v or level(l)) + amount(l, s.op, 0) + s.op[1] * apart
      lv[i] = { l.id, apart > 0 and min(l.b, held) or held, l.k, l.n }
    end
    redis.call('XADD', HEARD, 'MAXLEN', '~', 1024, '*', 'e', cjson.encode({ t = now, p = m.p, l = lv, al = (m.al or isSkipped) and 1 or nil }), 'v', m.ev or '[]')
    redis.call('PEXPIRE', HEARD, 2 * DAY)
  end
end
if m.clear then s.fa = nil end
if closed then say(BUS, 'gate ' .. s.ep) end
if m.F then say(BUS, 'end') end

-- Who waits, and for whom.
local T, same = m.T or {}, true
for t, w in pairs(T) do if r.T[t] ~= w then same = false end end
for t in pairs(r.T) do if not T[t] then same = false end end
if not same then tenants(r.T, T); r.T = T end
local share = 1
if s.tw > 0 then
  share = 0
  for t, w in pairs(T) do share = share + w / s.tn[t][1] end
  share = share > 0 and share / s.tw or 1
end

-- How far each of those that ask has been served, in milliseconds of the quota for its share: nobody runs far ahead of who is behind.
local W, others = m.W, false
-- as: somebody may be among those that ask.
if #W > 0 and s.as then
  for i = 1, 4 do
    local first = redis.call('ZRANGE', ASKING, 0, 0, 'WITHSCORES')
    if not first[1] then s.as = nil; break end
    s.vm = max(s.vm, tonumber(first[2]))
    others = first[1] ~= m.p
    if not others or tonumber(redis.call('ZSCORE', SEEN, first[1]) or 0) > now - 1500 then break end
    others = false
    redis.call('ZREM', ASKING, first[1])
  end
end
local vt = max(r.vt or 0, s.vm)

local rv = {}
for _, x in ipairs(s.rv) do if x[2] > now and x[1] ~= m.p then rv[#rv + 1] = x end end
s.rv = rv
local function score(prio) return -max(-500, min(500, prio)) * 1e9 + min(9e8, (mine / share) * 1e5) + min(9e4, vt - s.vm) end
-- Free places go to who has the least for its share: the first of those that wait, or this one.
local function place(prio)
  while s.n + #s.rv < s.c do
    local first = redis.call('ZRANGE', PLACES, 0, 0, 'WITHSCORES')
    if not first[1] or first[1] == m.p or tonumber(first[2]) >= score(prio) then return true end
    redis.call('ZREM', PLACES, first[1])
    s.rv[#s.rv + 1] = { first[1], now + 50 }
    say(BUS .. ':' .. first[1], 'place')
  end
  return false
end

local starts, retry, by, dated, got = {}, -1, nil, m.o, { 0, 0, 0, 0 }
local wantsPlace
-- Of the call that is looked at: how much of each limit it needs, and when there is so much.
local needs, at = {}, {}
local function mostDated()
  local most = 1e9
  for i = 1, #L do
    local l, a = L[i], needs[i]
    if a > 0 and l.kd ~= 'total' then most = min(most, max(1, math.ceil(l.lim / l.w * s.f * m.hz / a * share))) end
  end
  return most
end
for from = 0, #W - 1, 6 do
  local t, requests, takesPlace, prio = now, W[from + 1], W[from + 5] == 1, W[from + 6]
  local sends = requests > 0
  if sends and now < s.g then retry = s.g - now; by = 'gate'; break end
  if takesPlace and s.c >= 0 and not place(prio) then wantsPlace = prio; retry = 250; by = 'concurrency'; break end
  local ramp = sends and s.ramp
  if ramp and not ramp.isShut and s.n > 0 then
    if ramp.probes then
      local left = ramp.since + s.st - now
      if left > 0 then retry = left; by = 'gate'; break end
      ramp.probes = nil
    end
    if ramp.started == 0 then ramp.since = now end
    local k = ramp.started + 1
    local patience = now - ramp.since - 5000
    -- No more are unanswered than were answered, or the first wave.
    local allowed = (ramp.answered + max(ramp.wave, ramp.answered)) * 2 ^ min(60, max(0, patience / 2000))
    -- It is over with so many starts, or when time alone would allow them.
    if k > 4096 or allowed >= 4096 and now >= ramp.since + 250 * math.log(4096 / ramp.base) / math.log(2) then s.ramp = nil; ramp = nil
    elseif k > allowed + 1e-9 then retry = 50; by = 'gate'; break
    elseif k > ramp.base then t = max(t, ramp.since + 250 * math.log(k / ramp.base) / math.log(2)) end
  end
  local blocked, passes = nil, false
  for i = 1, #L do
    local l = L[i]
    local a = amount(l, W, from)
    needs[i] = a
    if a > 0 then
      local lower = prio > 0 and l.kd == 'bucket' and #s.ds > 0 and ahead(l, prio) or 0
      at[i] = earliest(l, a, now, s.f, lower)
      if not at[i] then blocked = l; break end
      if lower > 0 then passes = true end
      if at[i] > t then t = at[i]; by = l.nm end
    end
  end
  -- What another limit dates beyond a reset must fit there.
  for i = 1, #L do
    local l = L[i]
    if not blocked and l.kd == 'fixed' and needs[i] > 0 and t > now and t >= l.z and l.nx > 0 and l.nx + needs[i] > l.lim * s.f + 1e-6 then blocked = l end
  end
  if blocked then
    retry = 1000; by = blocked.nm
    if blocked.kd == 'total' then if amount(blocked, W, from) > blocked.lim - blocked.u + blocked.o + 1e-9 then by = '!' .. by end
    elseif blocked.w >= DAY then by = '!' .. by; retry = max(0, blocked.z - now) else retry = max(1, blocked.z + blocked.j - now) end
    break
  end
  local isDated = t > now + 0.5
  -- Who has no ticket gets one, however far off: first in, first out across processes without polling.
  if isDated and dated > 0 and (t - now > m.hz or dated >= mostDated() or others and vt - s.vm > m.hz / 2) then
    retry = max(m.hz / 4, t - now - m.hz); by = by or 'gate'
    break
  end
  if ramp then
    if ramp.isShut then ramp.isShut = nil; ramp.probes = true; ramp.since = t; ramp.started = 0 end
    ramp.started = ramp.started + 1
  end
  if isDated then dated = dated + 1 end
  local shift, weigh = 0, 1
  for i = 1, #L do
    local l, a = L[i], needs[i]
    if a > 0 then
      if t - now > 2000 and l.kd == 'bucket' and at[i] < t - 2000 and l.lim / l.w * s.f * 1500 >= a then s.la[#s.la + 1] = { t - 1500, l.id, a }
      else take(l, a, t, s.f) end
      if l.kd ~= 'total' then weigh = max(weigh, a * l.w / l.lim) end
      if passes and l.kd == 'bucket' then shift = max(shift, a * l.w / (l.lim * s.f)) end
    end
  end
  vt = vt + weigh / share
  for i = 1, 4 do got[i] = got[i] + W[from + i] end
  if passes then
    -- It passes what is dated and less urgent: all of that starts one call later.
    for _, x in ipairs(s.ds) do if x[3] < prio then x[1] = x[1] + shift end end
    say(BUS, 'later ' .. prio .. ' ' .. shift)
  end
  r.os = (r.os or 0) + W[from + 4]
  s.started = s.started + requests
  if takesPlace then s.n = s.n + 1; mine = mine + 1 end
  starts[#starts + 1] = t - now
  if isDated then
    local at, found = math.ceil(t / 50) * 50, nil
    for _, x in ipairs(s.ds) do if x[1] == at and x[3] == prio then found = x end end
    if not found then found = { at, { 0, 0, 0, 0 }, prio }; s.ds[#s.ds + 1] = found end
    for i = 1, 4 do found[2][i] = found[2][i] + W[from + i] end
  end
end
r.vt = vt
-- A turn that only reports changes nothing for who waits. ak, pl: this member may be among those that ask, or wait for a place.
local asked = #W > 0 or next(T) == nil
local added = false
if #starts < #W / 6 then added = redis.call('ZADD', ASKING, vt, m.p) == 1; r.ak = true; s.as = true
elseif asked and r.ak then redis.call('ZREM', ASKING, m.p); r.ak = nil end
if s.c >= 0 then
  if wantsPlace then added = redis.call('ZADD', PLACES, score(wantsPlace), m.p) == 1 or added; r.pl = true
  elseif asked and r.pl then redis.call('ZREM', PLACES, m.p); r.pl = nil end
  if freed or m.bye then
    -- What came free and is not wanted here.
    while s.n + #s.rv < s.c do
      local first = redis.call('ZRANGE', PLACES, 0, 0)[1]
      if not first or first == m.p then break end
      redis.call('ZREM', PLACES, first)
      s.rv[#s.rv + 1] = { first, now + 50 }
      say(BUS .. ':' .. first, 'place')
    end
  end
end

-- Alone, it may use this share of every limit. A newcomer waits one lease, so that shares never sum above 1.
r.sa = now - r.j >= m.ls and math.floor(s.f / alive * 1e6) / 1e6 or 0
-- w: calls that wait, with a date (o) or for what is said (by).
r.o = dated; r.w = max(0, (m.w or 0) - #starts + dated - m.o)
if asked then r.by = by and by:gsub('^!', '') or nil end
r.h = mine; r.g = {}
local op = {}; for i = 1, 4 do op[i] = held[i] + got[i]; r.g[i] = m.g[i] + got[i] end; open(r, op)
if m.bye then forget(m.p, r) end

local levels = {}
for i = 1, #L do levels[i] = level(L[i]) end
local out = { now = now, s = starts, r = retry >= 0 and retry or nil, by = by, ep = s.ep, born = s.born, N = alive, sa = r.sa, g = s.g > now and s.g - now or nil, n = s.n,
  c = s.c >= 0 and s.c or nil, l = levels, pv = s.pv, df = s.df, ramping = s.ramp and s.ramp.base > 0 and not s.ramp.isFirst and 1 or nil }
local sharers
for t in pairs(T) do if s.tn[t] and s.tn[t][1] > 1 then sharers = sharers or {}; sharers[t] = s.tn[t][1] end end
out.T = sharers
if s.fa and s.fa[4] >= r.j and (s.fa[2] < 0 or s.fa[2] > now) then out.F = { s.fa[1], s.fa[2] < 0 and -1 or s.fa[2] - now, s.fa[3], s.fa[4] } end
if s.pv ~= m.pv then
  local P = {}
  for i = 1, #L do local l = L[i]; P[i] = { id = l.id, nm = l.nm, d = l.d, w = l.w, kd = l.kd, lim = l.lim, b = l.b, td = l.ts or l.td, lm = l.lm, e = l.e } end
  out.P = P
end
if m.le == 1 and not m.bye then
  if s.lr == m.p or s.lu < now then
    if s.lr ~= m.p then s.lr = m.p; out.elected = 1 end
    s.lu = now + 2000
    out.learn = 1
    local from = (not out.elected and m.lc) or '-'
    local entries = redis.call('XRANGE', HEARD, from == '-' and '-' or '(' .. from, '+', 'COUNT', 256)
    local list = {}
    for i, e in ipairs(entries) do list[i] = { e[1], e[2][2], e[2][4] } end
    out.E = list
    local K = {}
    for i = 1, #L do K[i] = { L[i].id, L[i].k, L[i].n } end
    out.K = K
    out.M = redis.call('HGET', KEYS[1], 'memory') or nil
  end
end
if m.bye and s.lr == m.p then s.lr = ''; s.lu = 0 end
-- Keys live on for as long each minute; at once where something was added, which may be the first that the key holds.
local renews = added or isNew or retell or now - (s.xp or 0) > 60000
if renews then s.xp = now end
if m.bye then keep(s) else keep(s, m.p, cmsgpack.pack(r)) end
if renews then
  local life = 3600000
  for i = 1, #L do if L[i].kd == 'total' or L[i].w >= DAY then life = 2 * DAY end end
  for i = 1, #KEYS do redis.call('PEXPIRE', KEYS[i], life) end
end
return cjson.encode(out)
`
