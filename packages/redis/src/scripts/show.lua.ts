import { limitsLua } from "./limits.lua.ts"

/** Reads one quota, and changes nothing. */
export const showLua: string = `${limitsLua}
local s = load('')
if not s then return '{}' end
forward(s)
local limits, members, lost = {}, {}, {}
for i = 1, #s.L do
  local l = s.L[i]
  limits[i] = { name = l.nm, kind = l.kd, windowMs = l.w, used = l.lim, told = l.td, set = l.ts, found = l.lm, level = level(l), earlyMs = (l.e or 0) > 0 and l.e or nil }
end
local asking = {}
for _, p in ipairs(redis.call('ZRANGE', KEYS[7], 0, -1)) do asking[p] = true end
for _, p in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do asking[p] = true end
local seen = redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')
for i = 1, #seen, 2 do
  local v = redis.call('HGET', KEYS[1], seen[i])
  local r = v and cmsgpack.unpack(v) or { h = 0 }
  members[#members + 1] = { id = seen[i], silentMs = now - tonumber(seen[i + 1]), places = r.h, tickets = r.o or 0, waiting = r.w or 0, waitsFor = r.by, asks = asking[seen[i]] or false, learns = s.lr == seen[i] }
end
for _, p in ipairs(redis.call('ZRANGEBYSCORE', KEYS[6], now, '+inf')) do lost[#lost + 1] = p end
return cjson.encode({ name = s.nm, limits = limits, members = members, lost = #lost, share = s.f, gateMs = max(0, s.g - now), ramping = s.ramp ~= nil and s.ramp.base > 0 and not s.ramp.isFirst,
  places = s.c, running = s.n, epoch = s.ep, episodes = s.episodes, refused = s.refused, started = s.started, turns = s.turns, differs = s.df })
`
