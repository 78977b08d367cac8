-- wrk: PATCH of two skills of one person after another, from the lists that bench.py wrote.
local users, skills = {}, {}
local next_user, count = 0, 0

function setup(thread)
	thread:set("bearer", os.getenv("BENCH_TOKEN"))
end

local function lines(path, list)
	for line in io.lines(path) do list[#list + 1] = line end
end

function init(args)
	lines(args[1], users)
	lines(args[2], skills)
	wrk.method = "PATCH"
	wrk.headers["Authorization"] = "Bearer " .. bearer
	wrk.headers["Content-Type"] = "application/json"
end

function request()
	next_user = next_user % #users + 1
	count = count + 1
	local a, b = skills[count % #skills + 1], skills[(count + 1) % #skills + 1]
	local level = count % 6
	return wrk.format(nil, "/api/v2/users/" .. users[next_user] .. "/routingskills/bulk", nil,
		'[{"id":"' .. a .. '","proficiency":' .. level .. '},{"id":"' .. b ..
		'","proficiency":' .. (5 - level) .. '}]')
end
