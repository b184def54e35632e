-- The load: one listing after the other, as forms and programs send them. For wrk:
--   wrk --threads 2 --connections 16 --duration 15s --latency --script bench/http/predict.lua http://127.0.0.1:3000
-- Beds, baths, sizes and places differ from request to request; the sequence is the same each time.
wrk.method = "POST"
wrk.path = "/predict"
wrk.headers["Content-Type"] = "application/json"

local bodies = {}
local n = 0

function init()
  math.randomseed(42)
  for i = 1, 1000 do
    bodies[i] = string.format(
      '{"bed": %d, "bath": %d, "acre_lot": %.2f, "house_size": %d, "zip_code": "0%d", "city": "Town %d", "state": "Connecticut", "status": "for_sale"}',
      math.random(1, 6), math.random(1, 4), math.random() * 2, math.random(600, 4000), math.random(6001, 6099), math.random(1, 20))
  end
end

function request()
  n = n % #bodies + 1
  return wrk.format(nil, nil, nil, bodies[n])
end

-- One line for programs, after what wrk tells people.
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f, "status_errors": %d, "socket_errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
