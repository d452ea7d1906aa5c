-- The order, and rows in it. Rows are grouped by a number that never goes against the order, and the
-- numbers are sorted; what shares one is told apart by the next bytes, or by the next term.

local function ordering() return { of = tested(), sign = flag() and -1 or 1 } end

local order = each(ordering)
local key_kind = kind_of(form == 'int' and 'int' or 'bytes')
order[#order + 1] = { of = { kind = key_kind, place = 0 }, sign = flag() and -1 or 1 }

local start = flag() and {}
if start then
  local last = take()
  for t = 1, #order - 1 do
    start[t] = flag() and take()
  end
  start[#order] = last
end

-- So many of these rows, in order, from behind the one that the selection begins behind.
local function in_order(rows, count)
  local function read_terms(first, rows)
    for t = first, #order do
      order[t].texts = values_of(order[t].of, rows)
    end
  end

  local function before(a, b)
    for t = 1, #order do
      local texts, kind = order[t].texts, order[t].of.kind
      local x, y = texts[a], texts[b]
      if x ~= y then
        local near, its = x and kind.near(x, 1) or -HUGE, y and kind.near(y, 1) or -HUGE
        local difference = versus(kind, x, near, y, its)
        if difference ~= 0 then return order[t].sign * difference < 0 end
      end
    end
    return false
  end

  -- Those behind the row that the selection begins behind, which is candidate 0.
  local function behind(rows)
    read_terms(1, rows)
    for t = 1, #order do
      order[t].texts[0] = start[t]
    end
    local left = {}
    for j = 1, #rows do
      if before(0, rows[j]) then left[#left + 1] = rows[j] end
    end
    return left
  end

  local function all_alike(rows, texts)
    for j = 2, #rows do
      if texts[rows[j]] ~= texts[rows[1]] then return false end
    end
    return true
  end

  local put_in_order

  -- Rows that the first so many bytes of a term have not told apart.
  local function settle(rows, t, from, sorted, most_rows)
    local kind, alike = order[t].of.kind, all_alike(rows, order[t].texts)
    if kind.steps and not alike then
      put_in_order(rows, t, from + kind.steps, sorted, most_rows)
    elseif order[t + 1] and alike then
      put_in_order(rows, t + 1, 1, sorted, most_rows)
    else
      read_terms(t + 1, rows)
      table.sort(rows, before)
      for j = 1, #rows do
        sorted[#sorted + 1] = rows[j]
      end
    end
  end

  put_in_order = function(rows, t, from, sorted, most_rows)
    local of, alone, groups, nears, count = order[t].of, {}, {}, {}, 0
    local texts, near_of = values_of(of, rows), of.kind.near
    order[t].texts = texts
    for j = 1, #rows do
      local text = texts[rows[j]]
      local near = text and near_of(text, from) or -HUGE
      local group = groups[near]
      if group then
        group[#group + 1] = rows[j]
      elseif alone[near] then
        groups[near] = { alone[near], rows[j] }
      else
        count = count + 1
        alone[near], nears[count] = rows[j], near
      end
    end
    table.sort(nears)
    for n = 1, count do
      local near = nears[order[t].sign > 0 and n or count + 1 - n]
      if groups[near] then
        settle(groups[near], t, from, sorted, most_rows)
      else
        sorted[#sorted + 1] = alone[near]
      end
      if #sorted - most_rows >= 0 then return end
    end
  end

  if start then rows = behind(rows) end
  if not count then return rows end
  local sorted = {}
  if count > 0 then put_in_order(rows, 1, 1, sorted, count) end
  return sorted
end
