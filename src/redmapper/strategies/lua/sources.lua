-- Sources: their size, and their next entries, with a cursor where there are more.

-- What finds the key in a member of a sorted set: behind fields that have a width, or an end.
local function key_reader(source)
  local function complement(text)
    return (string.gsub(text, '.', function(c) return string.char(255 - byte(c)) end))
  end

  local function nines(digits)
    return (string.gsub(digits, '%d', function(d) return string.char(105 - byte(d)) end))
  end

  local function key_in(tail)
    if source.descends then tail = complement(tail) end
    if form == 'int' then
      local digits = sub(tail, 2)
      return byte(tail) >= 128 and digits or '-' .. nines(digits)
    end
    if form == 'fixed' then return tail end
    local text = sub(tail, 1, -3)
    if not search(text, '\255', 1, true) then return text end
    return (string.gsub(text, '%z\255', '\0'))
  end

  local widths = source.widths
  return function(member)
    local from = 1
    for i = 1, #widths do
      local width = widths[i]
      if width > 0 then
        from = from + width
      else
        local _, last = search(member, width == 0 and '\0\1' or '\255\254', from, true)
        from = last + 1
      end
    end
    return key_in(sub(member, from))
  end
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

local function source_of(kind)
  local said = { kind = kind, id = term() }
  if kind == 'sorted' then
    said.set, said.low, said.high, said.reverse = key(), take(), take(), flag()
    said.descends, said.widths = flag(), each(term)
  elseif kind == 'set' then
    said.cursor, said.sets, said.least, said.smallest = take(), each(key), HUGE, 1
  elseif kind == 'owners' then
    said.hash, said.values = key(), each(take)
  else
    said.keys = each(take)
  end
  return said
end

local function entries_of(one)
  if one.kind == 'sorted' then return call('ZLEXCOUNT', one.set, one.low, one.high) end
  if one.kind ~= 'set' then return #(one.values or one.keys) end
  local least = HUGE
  for i = 1, #one.sets do
    local size = call('SCARD', one.sets[i])
    if least - size > 0 then
      least, one.smallest = size, i
    end
  end
  return least
end

local function some_of_range(one, count)
  local low, high, members = one.low, one.high, nil
  if one.reverse then
    members = call('ZRANGE', one.set, high, low, 'BYLEX', 'REV', 'LIMIT', 0, count)
  else
    members = call('ZRANGE', one.set, low, high, 'BYLEX', 'LIMIT', 0, count)
  end
  one.key_of = one.key_of or key_reader(one)
  local found, last, key_of = {}, members[#members], one.key_of
  for i = 1, #members do
    found[i] = key_of(members[i])
  end
  if last then one[one.reverse and 'high' or 'low'] = '(' .. last end
  return found, #members == count and last or nil, members
end

local function some_of_sets(one, count)
  local sets, smallest, scanned = one.sets, string.match(one.cursor, '^(%d+):(%d+)$')
  if not smallest and count - one.least >= 0 then
    return call(#sets == 1 and 'SMEMBERS' or 'SINTER', unpack(sets))
  end
  smallest = tonumber(smallest) or one.smallest
  local found = call('SSCAN', sets[smallest], scanned or '0', 'COUNT', count)
  local some = found[2]
  for j = 1, #sets do
    if j ~= smallest then some = members_of(sets[j], some) end
  end
  return some, found[1] ~= '0' and smallest .. ':' .. found[1] or nil
end

-- The next entries, a cursor if there are more, and, of a range, its members.
local function some_of(one, count)
  if one.kind == 'sorted' then return some_of_range(one, count) end
  if one.kind == 'set' then return some_of_sets(one, count) end
  if one.keys then return one.keys end
  local owned, found = call('HMGET', one.hash, unpack(one.values)), {}
  for i = 1, #one.values do
    if owned[i] then found[#found + 1] = owned[i] end
  end
  return found
end

