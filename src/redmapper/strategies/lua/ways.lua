-- Ways to the entries, and what each costs. Paths: sources, unions of them, and choices.

local path
path = function()
  local word = term()
  if word == 'any' or word == 'least' then return { word = word, parts = each(path) } end
  return source_of(word)
end

local function size_of(of)
  if of.kind then
    of.least = entries_of(of)
    return of.least
  end
  local sum, least = 0, HUGE
  for i = 1, #of.parts do
    local size = size_of(of.parts[i])
    sum = sum + size
    if least - size > 0 then
      least, of.pick = size, of.parts[i]
    end
  end
  return of.word == 'any' and sum or least
end

local function picked_of(of, found)
  if of.kind then
    found[#found + 1] = of
  elseif of.pick and of.word == 'least' then
    picked_of(of.pick, found)
  else
    for i = 1, #of.parts do
      picked_of(of.parts[i], found)
    end
  end
  return found
end

-- Ways: what each costs, in units of about half a microsecond.

local function way()
  local walks, distinct, price = flag(), flag(), term()
  return {
    walks = walks,
    distinct = distinct,
    price = price,
    covers = each(term),
    path = path(),
    size = false,
    number = false,
  }
end

-- The conditions that a way does not make needless.
local function tests_left(of)
  local covered, left = {}, {}
  for i = 1, #of.covers do
    covered[of.covers[i]] = true
  end
  for i = 1, #conditions do
    if not covered[i] then left[#left + 1] = conditions[i] end
  end
  return left
end

-- The sizes of all ways behind the number of the cheapest.
local function cheapest(ways)
  local function expected_of()
    local all, taken = listed(), {}
    local matching, sorted = all, { unpack(ways) }
    table.sort(sorted, function(a, b) return a.size - b.size < 0 end)
    for i = 1, #sorted do
      local covers = sorted[i].covers
      local fresh = #covers > 0
      for j = 1, #covers do
        fresh = fresh and not taken[covers[j]]
        taken[covers[j]] = true
      end
      if fresh then matching = matching * sorted[i].size / math.max(all, 1) end
    end
    return math.max(matching, 1)
  end

  local expected

  local function cost_of(of)
    local one, count = of.price, of.size
    if wanted == 'count' and #of.covers == #conditions and of.distinct then return 0 end
    if of.walks and wish >= 0 then
      expected = expected or expected_of()
      count = math.min(count, (wish + #leave_out) * math.max(count, 1) / expected)
    elseif wish >= 0 and not by_key_alone then
      one = one + 5
    end
    if not of.walks and of.size - most > 0 then one = one + 3 end
    return count * one
  end

  local sizes, least = { 'plan', 1 }, HUGE
  for i = 1, #ways do
    ways[i].number, ways[i].size = i, size_of(ways[i].path)
    sizes[i + 2] = ways[i].size
  end
  for i = 1, #ways do
    local cost = cost_of(ways[i])
    if least - cost > 0 then
      sizes[2], least = i, cost
    end
  end
  return sizes
end
