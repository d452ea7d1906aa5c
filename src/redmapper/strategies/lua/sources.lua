-- Sources: their size, and their next entries, with a cursor where there are more. An entry is the
-- tail that stands for a key; where a source has keys themselves, their tails are made.

-- What finds the tail in a member of a sorted set: behind fields that have a width, or an end.
local function tail_reader(source)
  local widths, descends, scored = source.widths, source.descends, source.kind == 'scored'

  -- Of each byte, worked out when it is first met: few are.
  local complements = descends and setmetatable({}, {
    __index = function(known, c)
      local other = string.char(255 - byte(c))
      known[c] = other
      return other
    end,
  })

  return function(member)
    local from, fields = 1, told[widths]
    if scored then -- mostly the tail alone; behind a byte for None, or for a number that is not plain
      local head = byte(member)
      if 253 > head then return member end
      from, fields = 2, head - 253
    end
    for i = 1, fields do
      local width = told[widths + i]
      if width > 1 then
        from = from + width - 1
      else
        local _, last = search(member, width == 1 and '\0\1' or '\255\254', from, true)
        from = last + 1
      end
    end
    local tail = sub(member, from)
    return descends and string.gsub(tail, '.', complements) or tail
  end
end

-- The score at which a cut is, and whether it is before what has that score.
local function score_at(cut)
  if cut == '-' then return -HUGE, true end
  if cut == '+' then return HUGE, true end
  local head = byte(cut)
  if head == 40 then return tonumber(sub(cut, 2)), false end
  if head ~= 61 and head ~= 62 then return tonumber(cut), true end
  return tonumber(sub(cut, 2, search(cut, ' ', 2, true) - 1)), true -- which no plain number has
end

-- How many members of a sorted set stand before a cut.
local function members_before(set, cut)
  if cut == '-' then return 0 end
  if cut == '+' then return call('ZCARD', set) end
  local head = byte(cut)
  if head ~= 61 and head ~= 62 then
    return call('ZCOUNT', set, '-inf', head == 40 and sub(cut, 2) or '(' .. cut)
  end
  local space, behind = search(cut, ' ', 2, true), head == 62
  local score, member = sub(cut, 2, space - 1), sub(cut, space + 1)
  local rank, its = call('ZRANK', set, member), call('ZSCORE', set, member)
  if rank and tonumber(its) == tonumber(score) then return behind and rank + 1 or rank end
  local low = call('ZCOUNT', set, '-inf', '(' .. score)
  local high = low + call('ZCOUNT', set, score, score)
  while high - low > 0 do
    local middle = math.floor((low + high) / 2)
    if by_bytes(call('ZRANGE', set, middle, middle)[1], member) >= 0 then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end

-- Of some tails, those that a set has.
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

-- Words from one place on, so many; there may be more than `unpack` takes.
local function words_at(first, count)
  local words = {}
  for i = 1, count do
    words[i] = ARGV[first + i - 1]
  end
  return words
end

-- The source that is told from there on, and where what follows it stands.
local function source_of(at)
  local kind, id, a, b, c, reverse, descends = unpack(told, at, at + 6)
  if kind == 3 then
    local sets = {}
    for i = 1, b do
      sets[i] = KEYS[told[at + 3 + i]]
    end
    local source = { kind = 'set', id = id, cursor = ARGV[a], sets = sets, least = HUGE, smallest = 1 }
    return source, at + 4 + b
  end
  if kind == 4 then
    return { kind = 'owners', id = id, hash = KEYS[a], values = words_at(b, c) }, at + 5
  end
  if kind == 5 then return { kind = 'keys', id = id, keys = words_at(a, b) }, at + 4 end
  local source = {
    kind = kind == 6 and 'sorted' or 'scored', id = id, set = KEYS[a], low = ARGV[b],
    high = ARGV[c], reverse = reverse == 1, descends = descends == 1, widths = at + 7,
  }
  return source, at + 8 + told[at + 7]
end

-- Of a set by score, with the ranks where its entries begin and end.
local function entries_by_rank(one)
  one.first, one.past = members_before(one.set, one.low), members_before(one.set, one.high)
  return math.max(one.past - one.first, 0)
end

local function entries_of(one)
  if one.kind == 'sorted' then return call('ZLEXCOUNT', one.set, one.low, one.high) end
  if one.kind == 'scored' then
    local low, high = scores_between(one.low, one.high)
    if low then return call('ZCOUNT', one.set, low, high) end
    return entries_by_rank(one)
  end
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

local function tails_in(one, members)
  one.tail_of = one.tail_of or tail_reader(one)
  local found, tail_of = {}, one.tail_of
  for i = 1, #members do
    found[i] = tail_of(members[i])
  end
  return found
end

local function some_of_range(one, count)
  local low, high, members = one.low, one.high, nil
  if one.reverse then
    members = call('ZRANGE', one.set, high, low, 'BYLEX', 'REV', 'LIMIT', 0, count)
  else
    members = call('ZRANGE', one.set, low, high, 'BYLEX', 'LIMIT', 0, count)
  end
  local last = members[#members]
  if last then one[one.reverse and 'high' or 'low'] = '(' .. last end
  return tails_in(one, members), #members == count and last or nil, members
end

-- A member of a range as what the next step goes on from.
local function cursor_at(one, member)
  return one.kind == 'scored' and call('ZSCORE', one.set, member) .. ' ' .. member or member
end

-- By rank: `first` to before `past` are what is left.
local function some_of_scores(one, count)
  if not one.past then entries_by_rank(one) end
  local from, past = one.first, one.past
  count = math.min(count, math.max(past - from, 0))
  if one.reverse then from = past - count else past = from + count end
  local ranked = count > 0 and call('ZRANGE', one.set, from, past - 1) or {}
  if one.reverse then one.past = from else one.first = past end
  local members = ranked
  if one.reverse then
    members = {}
    for i = 1, count do
      members[i] = ranked[count + 1 - i]
    end
  end
  return tails_in(one, members), one.past - one.first > 0 and members[count] or nil, members
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
  if one.kind == 'scored' then return some_of_scores(one, count) end
  if one.kind == 'set' then return some_of_sets(one, count) end
  if one.keys then return tails_of(one.keys) end
  local owned, found = call('HMGET', one.hash, unpack(one.values)), {}
  for i = 1, #one.values do
    if owned[i] then found[#found + 1] = owned[i] end
  end
  one.keys = found
  return tails_of(found)
end

