#!lua flags=no-writes
-- Rows of index entries: the keys that some sources hold, and the records under them.
--
-- KEYS  1 the schema, 2 the listing of the mapper, then those of the sources
-- ARGV  1 mapper, 2 its fingerprint, 3 what the keys of its records begin with,
--       4 form of its keys: "int", "text" or "fixed"
--       5 wanted: "count", "keys" or "rows"
--       6 entries of sorted sets at the most, 7 rows beyond which only keys are answered
--       then sources: n, n x one of
--         "sorted", key, low, high, reverse ("1"), tail descends ("1"), m, m widths of fields
--             ZRANGE BYLEX; a width is in bytes, 0 for a value that ends in 00 01, -1 in FF FE
--         "set", key
--         "owners", key, m, m values of a unique hash
--   A key is its position in KEYS.
-- Returns  {"schema"} where other indexes stand than the mapper has, {"count", n}, or
--       {"keys" or "rows", source, member, {key, ...}, {record, ...}}
--       where source and member say where the next step goes on; source 0: there is no more.

local call = redis.call
local at = 7

local function take()
  at = at + 1
  return ARGV[at]
end

local function key()
  return KEYS[tonumber(take())]
end

local function slice(n)
  local from = at + 1
  at = at + n
  return unpack(ARGV, from, at)
end

local function complement(text)
  return (string.gsub(text, '.', function(c) return string.char(255 - string.byte(c)) end))
end

-- Where the key begins in a member: after fields that have a width, or an end.
local function tail_of(member, widths)
  local from = 1
  for i = 1, #widths do
    local width = widths[i]
    if width > 0 then
      from = from + width
    else
      local last = width == 0 and '\0\1' or '\255\254'
      from = string.find(member, last, from, true) + 2
    end
  end
  return string.sub(member, from)
end

local function nines(digits)
  return (string.gsub(digits, '%d', function(d) return string.char(105 - string.byte(d)) end))
end

local read_key = {
  int = function(tail)
    local digits = string.sub(tail, 2)
    return string.byte(tail) >= 128 and digits or '-' .. nines(digits)
  end,
  text = function(tail)
    local text = string.sub(tail, 1, -3)
    if not string.find(text, '\255', 1, true) then return text end
    return (string.gsub(text, '%z\255', '\0'))
  end,
  fixed = function(tail) return tail end,
}

local read = read_key[ARGV[4]]
local wanted, left, most = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local total, found, source, last = 0, {}, 0, ''

local function walk(position)
  local set, low, high, reverse = key(), take(), take(), take() == '1'
  local descends, widths = take() == '1', {}
  for i = 1, tonumber(take()) do
    widths[i] = tonumber(take())
  end
  if wanted == 'count' then
    total = total + call('ZLEXCOUNT', set, low, high)
    return
  end
  if source > 0 then return end
  local members
  if reverse then
    members = call('ZRANGE', set, high, low, 'BYLEX', 'REV', 'LIMIT', 0, left)
  else
    members = call('ZRANGE', set, low, high, 'BYLEX', 'LIMIT', 0, left)
  end
  for i = 1, #members do
    local tail = tail_of(members[i], widths)
    found[#found + 1] = read(descends and complement(tail) or tail)
  end
  left = left - #members
  if left == 0 then source, last = position, members[#members] or '' end
end

local function members_of()
  local set = key()
  if wanted == 'count' then
    total = total + call('SCARD', set)
    return
  end
  local members = call('SMEMBERS', set)
  for i = 1, #members do
    found[#found + 1] = members[i]
  end
end

local function owners()
  local hash = key()
  local owned = call('HMGET', hash, slice(tonumber(take())))
  for i = 1, #owned do
    if owned[i] then
      total = total + 1
      found[#found + 1] = owned[i]
    end
  end
end

local run = { sorted = walk, set = members_of, owners = owners }

local stored = call('HGET', KEYS[1], ARGV[1])
if stored and stored ~= ARGV[2] and call('ZCARD', KEYS[2]) > 0 then return {'schema'} end
for position = 1, tonumber(take()) do
  run[take()](position)
end

if wanted == 'count' then return {'count', total} end
local records = {}
if wanted == 'rows' and #found <= most then
  for i = 1, #found do
    records[i] = call('HGETALL', ARGV[3] .. found[i])
  end
  return {'rows', source, last, found, records}
end
return {'keys', source, last, found, records}
