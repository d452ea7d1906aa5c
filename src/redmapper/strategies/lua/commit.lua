#!lua
-- The one writing script: every check, and only when all hold, every write.
--
-- It knows no kind of index. Python has turned a unit of work into checks and commands on declared
-- keys; this script carries them out. Redis does not roll a script back, so nothing may fail after
-- the first write: before it, the type of every key has been asked.
--
-- KEYS  1 the lane, 2 the schema, then every key that is read or written
-- ARGV  1 number, 2 unit id, 3 seconds a lane lives, then sections, each led by its count:
--       types      n, n x (key, type)
--       schema     n, n x (mapper, fingerprint, key of its listing, "1" if the commands write it)
--       absent     n, n keys of records
--       versions   n, n x (key, version)
--       fields     n, n x (key, m, m names, m values with a leading "=", or "" for none)
--       sequences  n, n x (key, number)
--       claims     n, n x (key, m, m values, m owners with a leading "=", or "" for none)
--       records    n runs of one shape, n x (m names, m names, r, r x (key, m values))
--       commands   n, n x (command, key, m, m arguments)
--   A key is its position in KEYS. Runs of arguments are at most 4,000 long: unpack has a limit.
-- Returns  {"applied"}, {"superseded"}, or {"refused", violation, ...}; a violation is one of
--       {"foreign", key, type}, {"schema", position}, {"unknown schema"}, {"exists", position, record},
--       {"version", position, record}, {"fields", position, record}, {"taken", position, owner}
--       where positions count within their section from 1, and a record is what HGETALL gives.

local call = redis.call
local at = 3
local answer = {'refused'}
local raised = {}  -- sequences and the numbers they shall have

local function take()
  at = at + 1
  return ARGV[at]
end

local function count()
  return tonumber(take())
end

local function key()
  return KEYS[tonumber(take())]
end

local function slice(n)
  local from = at + 1
  at = at + n
  return unpack(ARGV, from, at)
end

local function violate(...)
  answer[#answer + 1] = {...}
end

-- A receipt is "number unit".
local function receipt()
  local stored = call('GET', KEYS[1])
  if not stored then return nil end
  local space = string.find(stored, ' ', 1, true)
  local number = tonumber(string.sub(stored, 1, space - 1))
  if number == tonumber(ARGV[1]) and string.sub(stored, space + 1) == ARGV[2] then
    return {'applied'}
  end
  if number >= tonumber(ARGV[1]) then return {'superseded'} end
  return nil
end

local function check_schema()
  for position = 1, count() do
    local mapper, fingerprint, listing, writes = take(), take(), key(), take() == '1'
    local stored = call('HGET', KEYS[2], mapper)
    if stored ~= fingerprint then
      if stored and call('ZCARD', listing) > 0 then
        violate('schema', position)
      elseif not writes then
        violate('unknown schema')
      end
    end
  end
end

local function check_types()
  for _ = 1, count() do
    local index, expected = take(), take()
    local found = call('TYPE', KEYS[tonumber(index)]).ok
    if found ~= expected and found ~= 'none' then violate('foreign', index, found) end
  end
end

local function check_absent()
  for position = 1, count() do
    local record = key()
    if call('HLEN', record) > 0 then violate('exists', position, call('HGETALL', record)) end
  end
end

local function check_versions()
  for position = 1, count() do
    local record, version = key(), take()
    if call('HGET', record, '@') ~= version then
      violate('version', position, call('HGETALL', record))
    end
  end
end

-- Values come as "=value", or "" where there must be none.
local function as_expected(found, from)
  for i = 1, #found do
    local expected = ARGV[from + i]
    if (found[i] and '=' .. found[i] or '') ~= expected then return false end
  end
  return true
end

local function check_fields()
  for position = 1, count() do
    local record, n = key(), count()
    local same = call('HLEN', record) > 0
    if n > 0 then
      local found = call('HMGET', record, slice(n))
      same = same and as_expected(found, at)
      at = at + n
    end
    if not same then violate('fields', position, call('HGETALL', record)) end
  end
end

local function check_sequences()
  for _ = 1, count() do
    local at_key, number = take(), take()
    local sequence = KEYS[tonumber(at_key)]
    local last = tonumber(call('GET', sequence) or 0)
    if not last then
      violate('foreign', at_key, 'text')
    elseif last < tonumber(number) then
      raised[#raised + 1] = sequence
      raised[#raised + 1] = number
    end
  end
end

local function check_claims()
  local position = 0
  for _ = 1, count() do
    local owners, n = key(), count()
    local found = call('HMGET', owners, slice(n))
    for i = 1, n do
      position = position + 1
      local owner = found[i]
      if owner and '=' .. owner ~= ARGV[at + i] then violate('taken', position, owner) end
    end
    at = at + n
  end
end

local function write_records()
  for _ = 1, count() do
    local fields, n = {}, count()
    for i = 1, n do
      fields[2 * i - 1] = take()
    end
    for _ = 1, count() do
      local record = key()
      for i = 1, n do
        fields[2 * i] = ARGV[at + i]
      end
      at = at + n
      call('HSET', record, unpack(fields, 1, 2 * n))
    end
  end
end

local function run_commands()
  for _ = 1, count() do
    local command, target, n = take(), key(), count()
    if n > 0 then call(command, target, slice(n)) else call(command, target) end
  end
end

local function raise_sequences()
  for i = 1, #raised, 2 do
    call('SET', raised[i], raised[i + 1])
  end
end

local done = receipt()
if done then return done end

check_types()
if #answer > 1 then return answer end
check_schema()
check_absent()
check_versions()
check_fields()
check_sequences()
check_claims()
if #answer > 1 then return answer end

write_records()
run_commands()
raise_sequences()
call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'EX', ARGV[3])
return {'applied'}
