#!lua
-- A commit of one entity, which is what most commits are: `commit.lua` for that case, with nothing to
-- interpret. Every check, and only when all hold, every write; see there.
--
-- KEYS  1 the lane, 2 the schema, 3 the listing, 4 the record, then u hashes of owners, a sets that
--       get the entity, r sets that lose it, z sorted sets, and a sequence where there is a number for it
-- ARGV  1 number, 2 unit id, 3 minutes a lane lives, 4 mapper, 5 its fingerprint, 6 the key, 7 what
--       sets have for it, 8 the version that the record must have ("": it must be absent), 9 a number
--       that the sequence must reach ("": none), 10 the bytes u, a, r, z and g; then words, "" standing
--       for none:
--       u x (value that gets this owner, value that loses it), z x (member that comes, its score,
--       member that goes), g names of fields that go, and pairs of name and value; without pairs the
--       record goes
-- Returns  what `commit.lua` does

local call, unpack = redis.call, unpack
local KEYS, ARGV = KEYS, ARGV
local record, key, tail, version = KEYS[4], ARGV[6], ARGV[7], ARGV[8]

-- A receipt is "number unit".
local stored = call('GET', KEYS[1])
if stored then
  local space = string.find(stored, ' ', 1, true)
  local number = tonumber(string.sub(stored, 1, space - 1))
  if number == tonumber(ARGV[1]) and string.sub(stored, space + 1) == ARGV[2] then
    return {'applied'}
  end
  if number >= tonumber(ARGV[1]) then return {'superseded'} end
end

-- --- checks --------------------------------------------------------------------------------------

local answer = {'refused'}
local owners, added, removed, sorted, gone = string.byte(ARGV[10], 1, 5)
local sets = 4 + owners
local zsets = sets + added + removed
local members = 10 + 2 * owners
local fields = members + 3 * sorted

local fingerprint = call('HGET', KEYS[2], ARGV[4])
if fingerprint ~= ARGV[5] then
  if fingerprint and call('ZCARD', KEYS[3]) > 0 then return {'refused', {'schema', 1}} end
  return {'refused', {'unknown schema'}}
end
if version ~= '' then
  if call('HGET', record, '@') ~= version then
    answer[2] = {'version', 1, call('HGETALL', record)}
  end
elseif call('EXISTS', record) == 1 then
  answer[2] = {'exists', 1, call('HGETALL', record)}
end
local claims = 0
for i = 1, owners do
  local gets, loses = ARGV[9 + 2 * i], ARGV[10 + 2 * i]
  if gets ~= '' then
    claims = claims + 1
    local owner = call('HGET', KEYS[4 + i], gets)
    if owner then answer[#answer + 1] = {'taken', claims, owner} end
  else
    call('HEXISTS', KEYS[4 + i], loses)
  end
end
-- To ask for the size of what holds another type ends the script here.
for i = sets + 1, zsets do
  call('SCARD', KEYS[i])
end
for i = zsets + 1, zsets + sorted do
  call('ZCARD', KEYS[i])
end
local raises = false
if ARGV[9] ~= '' then
  local last = tonumber(call('GET', KEYS[zsets + sorted + 1]) or 0)
  if not last then return {'refused', {'foreign', zsets + sorted + 1, 'text'}} end
  raises = last < tonumber(ARGV[9])
end
if #answer > 1 then return answer end

-- --- writes --------------------------------------------------------------------------------------

if fields + gone < #ARGV then
  call('HSET', record, unpack(ARGV, fields + gone + 1))
  if gone > 0 then call('HDEL', record, unpack(ARGV, fields + 1, fields + gone)) end
else
  call('DEL', record)
end
for i = 1, owners do
  local gets, loses = ARGV[9 + 2 * i], ARGV[10 + 2 * i]
  if loses ~= '' then call('HDEL', KEYS[4 + i], loses) end
  if gets ~= '' then call('HSET', KEYS[4 + i], gets, key) end
end
for i = sets + 1, sets + added do
  call('SADD', KEYS[i], tail)
end
for i = sets + added + 1, zsets do
  call('SREM', KEYS[i], tail)
end
for i = 1, sorted do
  local at = members + 3 * i
  local comes, goes = ARGV[at - 2], ARGV[at]
  if goes ~= '' then call('ZREM', KEYS[zsets + i], goes) end
  if comes ~= '' then call('ZADD', KEYS[zsets + i], ARGV[at - 1], comes) end
end
if raises then call('SET', KEYS[zsets + sorted + 1], ARGV[9]) end
call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'EX', 60 * tonumber(ARGV[3]))
return {'applied'}
