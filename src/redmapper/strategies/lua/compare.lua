-- Comparators. `near` is a number that never goes against the order; where two are equal, `order`
-- settles it.

-- Of six bytes from a certain one on; a text that has ended comes before one that goes on.
local function near_bytes(text, from)
  local a, b, c, d, e, f = byte(text, from or 1, (from or 1) + 5)
  local high = ((a or -1) * 257 + (b or -1)) * 257 + (c or -1)
  return ((high * 257 + (d or -1)) * 257 + (e or -1)) * 257 + (f or -1)
end

local function near_number(text)
  if #text > 300 and search(text, 'x', 1, true) then return byte(text) == 45 and -HUGE or HUGE end
  local value = tonumber(text)
  return value == value and value or HUGE
end

local function is_nan(text) return search(text, '[Nn]a') and 1 or 0 end

-- Integers from 10^4300 on are stored in hex.
local function by_integer(a, b)
  local minus = byte(a) == 45
  if minus ~= (byte(b) == 45) then return minus and -1 or 1 end
  local hex, its_hex = byte(a, minus and 3 or 2) == 120, byte(b, minus and 3 or 2) == 120
  local difference = #a - #b
  if hex ~= its_hex then
    difference = hex and 1 or -1
  elseif difference == 0 then
    difference = by_bytes(a, b)
  end
  return minus and -difference or difference
end

local function same() return 0 end

-- Kinds of values are made when there is a column of them, with the functions that they alone need:
-- to make a function costs as much as a comparison.

local function decimals()
  -- Sign, exponent of the first digit as two numbers (it may have 18 digits), digits.
  local function decimal(text)
    local minus, whole, part, exponent = string.match(text, '^(-?)(%d*)%.?(%d*)E?([+-]?%d*)$')
    if not minus then return byte(text) == 45 and -2 or 2, 0, 0, '' end
    local zeros, digits = string.match(whole .. part, '^(0*)(%d-)0*$')
    if digits == '' then return 0, 0, 0, '' end
    local sign = byte(exponent) == 45 and -1 or 1
    exponent = string.gsub(exponent, '^[+-]', '')
    local high = sign * (tonumber(sub(exponent, 1, -10)) or 0)
    local low = sign * (tonumber(sub(exponent, -9)) or 0) + #whole - #zeros
    local carry = math.floor(low / 1e9)
    return minus == '-' and -1 or 1, high + carry, low - carry * 1e9, digits
  end

  local function by_decimal(a, b)
    local sign, high, low, digits = decimal(a)
    local other, its_high, its_low, its_digits = decimal(b)
    if sign ~= other then return sign - other end
    local difference = high - its_high
    if difference == 0 then difference = low - its_low end
    if difference == 0 then difference = by_bytes(digits, its_digits) end
    return sign * difference
  end

  return { near = near_number, order = by_decimal, nan = true }
end

local function times()
  -- Seconds of the clock, less the offset, and microseconds; aware times come after naive ones.
  local function moment(text)
    local a, b, c, d, _, e, f, _, g, h = byte(text, 1, 10)
    local days = 0
    if c ~= 58 then
      local year = ((a * 10 + b) * 10 + c) * 10 + d - 53328
      local month, day = e * 10 + f - 528, g * 10 + h - 528
      if 3 > month then year, month = year - 1, month + 12 end
      days = 365 * year + math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400)
      days = days + math.floor((153 * month - 457) / 5) + day
      text = sub(text, 12)
    end
    a, b, _, c, d, _, e, f = byte(text, 1, 8)
    local seconds = days * 86400 + (a * 10 + b - 528) * 3600 + (c * 10 + d - 528) * 60
    seconds = seconds + e * 10 + f - 528
    local rest = sub(text, 9)
    if rest == '' then return seconds, 0 end
    local part, offset = string.match(rest, '^%.?(%d*)(.*)$')
    local micro = tonumber(part) or 0
    if offset == '' then return seconds, micro end
    seconds = seconds + 1e15
    if offset == '+00:00' then return seconds, micro end
    local sign, hours, minutes, second, fraction =
      string.match(offset, '^([+-])(%d+):(%d+):?(%d*)%.?(%d*)$')
    sign = sign == '-' and -1 or 1
    micro = micro - sign * (tonumber(fraction) or 0)
    local carry = math.floor(micro / 1e6)
    seconds = seconds - sign * (hours * 3600 + minutes * 60 + (tonumber(second) or 0)) + carry
    return seconds, micro - carry * 1e6
  end

  -- Of a naive datetime, known by its length, the digits say it all: as one number, which stays below
  -- that of every aware one.
  local function near_moment(text)
    if #text ~= 19 and #text ~= 26 then
      local seconds = moment(text)
      return seconds
    end
    local a, b, c, d, _, e, f, _, g, h, _, i, j, _, k, l, _, m, n = byte(text, 1, 19)
    local day = ((((((a * 10 + b) * 10 + c) * 10 + d) * 10 + e) * 10 + f) * 10 + g) * 10 + h
    return (((((day * 10 + i) * 10 + j) * 10 + k) * 10 + l) * 10 + m) * 10 + n
  end

  local function by_moment(a, b)
    local _, micro = moment(a)
    local _, its = moment(b)
    return micro - its
  end

  return { near = near_moment, order = by_moment, iso = true }
end

local function kind_of(word)
  if word == 'bytes' then return { near = near_bytes, order = by_bytes, steps = 6 } end
  if word == 'int' then return { near = near_number, order = by_integer, number = tonumber } end
  if word == 'float' then return { near = near_number, order = same, nan = true } end
  return word == 'time' and times() or decimals()
end

-- Absent comes first, NaN last.
local function versus(kind, a, near, b, its_near)
  local difference = near - its_near
  if difference > 0 or 0 > difference then return difference end
  if a == b then return 0 end
  if not a then return -1 end
  if not b then return 1 end
  if kind.nan then
    difference = is_nan(a) - is_nan(b)
    if difference ~= 0 then return difference end
  end
  return kind.order(a, b)
end

