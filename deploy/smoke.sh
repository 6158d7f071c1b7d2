#!/usr/bin/env bash
# deploy/smoke.sh URL: does a Parley answer there, app, API and socket? Asks only what anybody may.
set -uo pipefail

url=${1:?usage: deploy/smoke.sh https://chat.example.org}
failed=0
body=$(mktemp)
trap 'rm -f "$body" "$body.head"' EXIT

# look WHAT STATUS PATTERN PATH [curl's arguments]: the answer to PATH has the status and, somewhere in it, the pattern.
look() {
  local what=$1 status=$2 pattern=$3 path=$4 got
  shift 4
  got=$(curl -sS --max-time 20 --retry 3 --retry-connrefused -D "$body.head" -o "$body" -w '%{http_code}' "$@" "$url$path") || got="no answer"
  if [[ $got =~ ^($status)$ ]] && cat "$body.head" "$body" | tr -d '\0' | grep -qiE -- "$pattern"; then
    echo "ok    $what"
  else
    echo "FAIL  $what: $got at $path"
    failed=1
  fi
}

look "the app" 200 '<div id="app"' /
look "its policy" 200 "^content-security-policy:.*default-src 'self'" /
look "a place inside the app" 200 '<div id="app"' /rooms/01J00000000000000000000000
look "a missing file is missing" 404 . /assets/missing.js
look "ready" 200 '^ready' /readyz
look "the API" 200 '"registration":' /api/v1/server
look "an error of the API stays one" 404 'application/problem\+json' /api/v1/missing
look "no entry without a token" 401 '"code":"unauthenticated"' /api/v1/me
look "the interface is described" 200 '"openapi"' /openapi.json
# One machine opens the socket and closes it with a code, API Gateway does not open it.
look "the socket answers" '101|40[0-9]' . /ws --http1.1 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
  -H 'Sec-WebSocket-Key: c21va2Utc21va2Utc21vaw=='

exit $failed
