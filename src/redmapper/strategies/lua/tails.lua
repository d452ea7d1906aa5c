-- Keys at the end of members: read, made, and put in order.

-- By a loop over bytes: `<` would follow the server's locale.
local function by_bytes(a, b)
  for i = 1, math.min(#a, #b) do
    local difference = byte(a, i) - byte(b, i)
    if difference ~= 0 then return difference end
  end
  return #a - #b
end

local function nines(digits)
  return (string.gsub(digits, '%d', function(d) return string.char(105 - byte(d)) end))
end

local function key_in(tail)
  if form == 'int' then
    local digits = sub(tail, 2)
    return byte(tail) >= 128 and digits or '-' .. nines(digits)
  end
  if form == 'fixed' then return tail end
  local text = sub(tail, 1, -3)
  if not search(text, '\255', 1, true) then return text end
  return (string.gsub(text, '%z\255', '\0'))
end

-- Those of some keys.
local function tails_of(ids)
  local tails, heads, count = {}, {}, #ids
  if form == 'fixed' then return ids end
  if form == 'int' then
    for j = 1, count do
      local id = ids[j]
      local head = heads[#id]
      if head and byte(id) ~= 45 then
        tails[j] = head .. id
      elseif byte(id) == 45 then
        tails[j] = string.char(128 - #id) .. nines(sub(id, 2))
      else
        heads[#id] = string.char(128 + #id)
        tails[j] = heads[#id] .. id
      end
    end
  else
    for j = 1, count do
      tails[j] = string.gsub(ids[j], '%z', '\0\255') .. '\0\1'
    end
  end
  return tails
end
