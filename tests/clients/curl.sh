#!/bin/sh
# The whole flow with curl: sh curl.sh http://localhost:8000
# Needs curl 7.83 or newer for %header{…}. It offers HTTP/2 on purpose, like `curl --http2`.
set -eu
api=$1
email="curl.$$.$(date +%s)@example.com"
password="correct horse battery"
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

call() { # METHOD PATH [curl's options]. Writes the body to $answer, status and headers to stdout.
	method=$1 path=$2
	shift 2
	curl --silent --show-error --http2 --request "$method" --output "$answer" "$@" "$api$path" \
		--write-out '%{http_code}|%header{etag}|%header{x-cache}|%header{location}|%header{link}'
}
part() { printf '%s' "$1" | cut -d '|' -f "$2"; }
member() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" "$answer"; }
json="Content-Type: application/json"

got=$(call POST /register/ -H "$json" -d "{\"email\": \"$email\", \"password\": \"$password\"}")
echo "register $(part "$got" 1)"

got=$(call POST /token/ --data-urlencode "username=$email" --data-urlencode "password=$password")
echo "token $(part "$got" 1)"
bearer="Authorization: Bearer $(member access_token)"

tea='{"items": [{"name": "tea", "quantity": 2, "price": 4.5}], "total_price": 9.0}'
call POST /orders/ -H "$bearer" -H "$json" -d "$tea" >/dev/null
got=$(call POST /orders/ -H "$bearer" -H "$json" -d "$tea")
echo "create $(part "$got" 1)"
order=$(part "$got" 4)

got=$(call GET "$order" -H "$bearer")
echo "read $(part "$got" 1) $(part "$got" 3)"

got=$(call PATCH "$order" -H "$bearer" -H "$json" -H "If-Match: $(part "$got" 2)" -d '{"status": "PAID"}')
echo "patch $(part "$got" 1)"

got=$(call GET "/orders/?limit=1" -H "$bearer")
next=$(part "$got" 5 | sed -n 's/^<\(.*\)>; rel="next"$/\1/p')
echo "list $(part "$got" 1) next $(part "$(call GET "$next" -H "$bearer")" 1)"

got=$(call GET "${order%/}/history/" -H "$bearer")
echo "history $(part "$got" 1)"

got=$(call GET /orders/00000000-0000-7000-8000-000000000000/ -H "$bearer")
echo "error $(part "$got" 1) $(member code)"
