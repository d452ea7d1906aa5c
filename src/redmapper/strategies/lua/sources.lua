-- Sources: their size, and their next entries, with a cursor where there are more.

local function complement(text)
  return (string.gsub(text, '.', function(c) return string.char(255 - byte(c)) end))
end

local function nines(digits)
  return (string.gsub(digits, '%d', function(d) return string.char(105 - byte(d)) end))
end

local read_key = {
  int = function(tail)
    local digits = sub(tail, 2)
    return byte(tail) >= 128 and digits or '-' .. nines(digits)
  end,
  text = function(tail)
    local text = sub(tail, 1, -3)
    if not search(text, '\255', 1, true) then return text end
    return (string.gsub(text, '%z\255', '\0'))
  end,
  fixed = function(tail) return tail end,
}

-- The key begins in a member after fields that have a width, or an end.
local function key_of(member, source)
  local from = 1
  for i = 1, #source.widths do
    local width = source.widths[i]
    if width > 0 then
      from = from + width
    else
      local _, last = search(member, width == 0 and '\0\1' or '\255\254', from, true)
      from = last + 1
    end
  end
  local tail = sub(member, from)
  return read_key[form](source.descends and complement(tail) or tail)
end

-- Of some keys, those that a set has.
local function members_of(set, some)
  local kept = {}
  for from = 1, #some, SLICE do
    local found = call('SMISMEMBER', set, unpack(some, from, math.min(from + SLICE - 1, #some)))
    for i = 1, #found do
      if found[i] == 1 then kept[#kept + 1] = some[from + i - 1] end
    end
  end
  return kept
end

local sources = {
  sorted = {
    say = function(id, kind)
      local set, low, high, reverse = key(), take(), take(), flag()
      return {
        id = id,
        kind = kind,
        set = set,
        low = low,
        high = high,
        reverse = reverse,
        descends = flag(),
        widths = each(term),
      }
    end,
    size = function(source) return call('ZLEXCOUNT', source.set, source.low, source.high) end,
    some = function(source, count)
      local low, high, members = source.low, source.high, nil
      if source.reverse then
        members = call('ZRANGE', source.set, high, low, 'BYLEX', 'REV', 'LIMIT', 0, count)
      else
        members = call('ZRANGE', source.set, low, high, 'BYLEX', 'LIMIT', 0, count)
      end
      local keys, last = {}, members[#members]
      for i = 1, #members do
        keys[i] = key_of(members[i], source)
      end
      if last then
        source[source.reverse and 'high' or 'low'] = '(' .. last
      end
      return keys, #members == count and last or nil, members
    end,
  },
  set = {
    say = function(id, kind)
      return { id = id, kind = kind, cursor = take(), sets = each(key), least = HUGE, smallest = 1 }
    end,
    size = function(source)
      local least = HUGE
      for i = 1, #source.sets do
        local size = call('SCARD', source.sets[i])
        if least - size > 0 then
          least, source.smallest = size, i
        end
      end
      return least
    end,
    count = function(source) return call('SINTERCARD', #source.sets, unpack(source.sets)) end,
    some = function(source, count)
      local sets, smallest, scanned = source.sets, string.match(source.cursor, '^(%d+):(%d+)$')
      if not smallest and count - source.least >= 0 then
        return call(#sets == 1 and 'SMEMBERS' or 'SINTER', unpack(sets))
      end
      smallest = tonumber(smallest) or source.smallest
      local found = call('SSCAN', sets[smallest], scanned or '0', 'COUNT', count)
      local keys = found[2]
      for j = 1, #sets do
        if j ~= smallest then keys = members_of(sets[j], keys) end
      end
      return keys, found[1] ~= '0' and smallest .. ':' .. found[1] or nil
    end,
  },
  owners = {
    say = function(id, kind)
      return { id = id, kind = kind, hash = key(), values = each(take) }
    end,
    size = function(source) return #source.values end,
    some = function(source)
      local owned, keys = call('HMGET', source.hash, unpack(source.values)), {}
      for i = 1, #source.values do
        if owned[i] then keys[#keys + 1] = owned[i] end
      end
      return keys
    end,
  },
  keys = {
    say = function(id, kind) return { id = id, kind = kind, keys = each(take) } end,
    size = function(source) return #source.keys end,
    some = function(source) return source.keys end,
  },
}

