-- Tests, as functions of the candidate.

local columns = each(column)
local test

local function tested() return columns[number()] end

local function bound(kind, sign)
  local word = take()
  local text = byte(word) ~= 45 and sub(word, 2)
  local near = text and kind.near(text) or -sign * HUGE
  return { closed = byte(word) == 91, text = text, near = near, sign = sign }
end

local function reaches(kind, text, near, edge)
  local difference = edge.sign * (near - edge.near)
  if difference > 0 then return true end
  if 0 > difference then return false end
  if not edge.text or text == edge.text then return edge.closed or not edge.text end
  difference = edge.sign * versus(kind, text, near, edge.text, edge.near)
  return difference > 0 or (difference == 0 and edge.closed)
end

local tests = {
  ['and'] = function()
    local parts = each(test)
    return function()
      for i = 1, #parts do
        if not parts[i]() then return false end
      end
      return true
    end
  end,
  ['or'] = function()
    local parts = each(test)
    return function()
      for i = 1, #parts do
        if parts[i]() then return true end
      end
      return false
    end
  end,
  ['not'] = function()
    local part = test()
    return function() return not part() end
  end,
  probe = function()
    local sets = each(key)
    return function()
      spent = spent + #sets
      for i = 1, #sets do
        if call('SISMEMBER', sets[i], current) == 1 then return true end
      end
      return false
    end
  end,
  none = function()
    local of = tested()
    return function() return not value_of(of) end
  end,
  one = function()
    local of, values = tested(), {}
    for i = 1, number() do
      values[take()] = i
    end
    return function() return values[value_of(of)] ~= nil end
  end,
  span = function()
    local of = tested()
    local kind = of.kind
    local spans = each(function() return { low = bound(kind, 1), high = bound(kind, -1) } end)
    return function()
      local text = value_of(of)
      if not text or (kind.nan and is_nan(text) == 1) then return false end
      local near = kind.near(text)
      for i = 1, #spans do
        local one = spans[i]
        if reaches(kind, text, near, one.low) and reaches(kind, text, near, one.high) then
          return true
        end
      end
      return false
    end
  end,
  like = function()
    local of, patterns = tested(), each(take)
    return function()
      local text, from, last = value_of(of), 1, 0
      for i = 1, text and #patterns or 0 do
        from, last = search(text, patterns[i], last + 1)
        if not from then return false end
      end
      return text and true or false
    end
  end,
}

test = function() return tests[take()]() end

local function condition() return { reads = flag(), holds = test() } end

local conditions = each(condition)

