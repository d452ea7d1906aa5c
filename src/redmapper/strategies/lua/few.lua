-- Few rows, of ways along which sets and scores alone tell candidates apart: most queries are such. They
-- are answered here, as all that stands below costs more before it begins than the whole of this. Where
-- a record must be read after all, or there are many candidates, nothing is answered.

-- Whether a set by score has None for all of these. Of one without an entry, or whose number is not plain,
-- that is not known.
local function are_none(set, tails)
  for i = 1, #tails do
    tails[i] = '\253' .. tails[i]
  end
  local found = #tails > 0 and call('ZMSCORE', set, unpack(tails)) or tails
  for i = 1, #found do
    if not found[i] then return false end
  end
  return true
end

-- Those that pass a test are moved to the front: how many; nothing where it can not be told.
local function passed(test, tails, count)
  local asks, key, low, high = unpack(told, test, test + 3)
  local set, kept, nones = KEYS[key], 0, {}
  if asks == 1 then
    local found = call('SMISMEMBER', set, unpack(tails, 1, count))
    for i = 1, count do
      if found[i] == 1 then
        kept = kept + 1
        tails[kept] = tails[i]
      end
    end
    return kept
  end
  local least, with_least = score_at(ARGV[low])
  local most, without_most = score_at(ARGV[high])
  local scores = call('ZMSCORE', set, unpack(tails, 1, count))
  for i = 1, count do
    local number = scores[i]
    if number then
      number = number + 0
      local above, below = number - least, most - number
      if
        (above > 0 or (with_least and above == 0))
        and (below > 0 or (below == 0 and not without_most))
      then
        kept = kept + 1
        tails[kept] = tails[i]
      end
    else
      nones[#nones + 1] = tails[i]
    end
  end
  return are_none(set, nones) and kept
end

-- Candidates in the order; nothing where a number is not known.
local function few_in_order(order, tails, count)
  -- Candidates by their numbers, and those that share one as `by_ties` puts them.
  local function by_number(rows, numbers, descends, by_ties)
    local alone, groups, distinct, count = {}, {}, {}, 0
    for j = 1, #rows do
      local row = rows[j]
      local number = numbers[row] or -HUGE
      local group = groups[number]
      if group then
        group[#group + 1] = row
      elseif alone[number] then
        groups[number] = { alone[number], row }
      else
        count = count + 1
        alone[number], distinct[count] = row, number
      end
    end
    table.sort(distinct)
    local sorted = {}
    for n = 1, count do
      local number = distinct[descends and count + 1 - n or n]
      local group = groups[number]
      if group then
        by_ties(group)
        for j = 1, #group do
          sorted[#sorted + 1] = group[j]
        end
      else
        sorted[#sorted + 1] = alone[number]
      end
    end
    return sorted
  end

  local terms, rows, numbers = told[order], {}, {}
  local key_descends, set, descends = told[order + 1] == 1, told[order + 2], told[order + 3] == 1
  local sign = key_descends and -1 or 1
  for i = 1, count do
    rows[i] = i
  end
  if terms > 1 then
    local nones = {}
    numbers = call('ZMSCORE', KEYS[set], unpack(tails, 1, count))
    for i = 1, count do
      local number = numbers[i]
      if number then numbers[i] = number + 0 else nones[#nones + 1] = tails[i] end
    end
    return are_none(KEYS[set], nones) and by_number(rows, numbers, descends, function(some)
      table.sort(some, function(a, b) return sign * by_bytes(tails[a], tails[b]) < 0 end)
    end)
  end
  for i = 1, count do -- by integer keys
    local id = key_in(tails[i])
    if #id > 15 then return nil end
    numbers[i] = id + 0
  end
  return by_number(rows, numbers, key_descends)
end

-- Those of some entries that pass what a way leaves, moved to the front: how many; nothing as above.
local function passing(of, tails, count)
  for t = of.left + 1, of.left + told[of.left] do
    if count ~= 0 then count = passed(asked[told[t]], tails, count) end
    if not count then return nil end
  end
  return count
end

-- Entries from the beginning of a walk until enough pass: these, how many, how many were seen, and what
-- tells that there are more.
local function few_walked(of, enough)
  local kept, count, seen, batch = {}, 0, 0, enough
  if told[of.left] > 0 then batch = math.max(2 * enough, 16) end
  while true do
    local tails, more = some_of(of.path, math.min(batch, SLICE))
    local passes = passing(of, tails, #tails)
    if not passes then return nil end
    for i = 1, passes do
      kept[count + i] = tails[i]
    end
    count, seen = count + passes, seen + #tails
    if not more or count - enough >= 0 then return kept, count, seen, more end
    if seen - SLICE >= 0 then return nil end
    batch = batch_after(batch, enough - count, seen, count)
  end
end

-- All entries that pass, if they are few: these, how many, and how many were seen.
local function few_gathered(of)
  local tails = of.size - SLICE <= 0 and some_of(of.path, of.size)
  local count = tails and passing(of, tails, #tails)
  if count then return tails, count, of.size end
end

local function answer_of_few(of)
  local counts, source = wanted == 'count', of.path
  local cuts = limit >= 0 and not counts
  local stops = cuts and of.walks and SLICE - limit >= 0
  of.size = of.size or (not stops and size_of(source))
  if counts and told[of.left] == 0 then
    local sets, size = source.sets, of.size
    if not (sets and sets[2]) then return { 'few', of.number, size, size } end
    if SLICE - size >= 0 then
      return { 'few', of.number, size, call('SINTERCARD', #sets, unpack(sets)) }
    end
  end
  local tails, count, seen, more
  if stops then
    tails, count, seen, more = few_walked(of, limit)
  else
    tails, count, seen = few_gathered(of)
  end
  if not tails then return nil end
  if counts then return { 'few', of.number, seen, count } end

  local rows, found, last = false, {}, cuts and math.min(limit, count) or count
  if cuts and not of.walks and count - 1 > 0 then
    rows = few_in_order(short_order, tails, count)
    if not rows then return nil end
  end
  for i = 1, last do
    found[i] = key_in(tails[rows and rows[i] or i])
  end
  local records, cut = records_of(found, { unpack(ARGV, from, to) }, long)
  -- Another row would come in place of one that is no more.
  if (more or count - last > 0) and any_gone(records) then return nil end
  return { 'few', of.number, seen, found, records, cut }
end
