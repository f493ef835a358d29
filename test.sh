#!/usr/bin/env bash
# Sets up what the tests need and runs all of them. It needs Go and git; Node.js,
# for the clients of other people that are tried against the server, and PostgreSQL,
# MariaDB, RabbitMQ and Chromium it installs from Debian's packages when it may.
set -euo pipefail
cd "$(dirname "$0")"

# need installs packages unless a program is there. Tests start what they need of it by
# themselves: services of the packages' own are not started, as policy-rc.d forbids it
# meanwhile.
need() { # what it is; the program; packages
	local what=$1 program=$2 policy=
	shift 2
	if command -v "$program" >/dev/null; then
		return
	fi
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "test.sh: $what is needed; install it and run this again" >&2
		exit 1
	fi
	if [ ! -e /usr/sbin/policy-rc.d ]; then
		policy=/usr/sbin/policy-rc.d
		trap "rm -f $policy" EXIT
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod +x "$policy"
	fi
	apt-get update -qq
	UCF_FORCE_CONFFOLD=1 DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$@" >/dev/null
	if [ -n "$policy" ]; then
		rm -f "$policy"
	fi
}

initdb=$(command -v initdb || ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -1 || true)
if [ -z "$initdb" ] && [ "$(id -u)" = 0 ] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
	# The package's own cluster is not made. A machine that has settings for that keeps them.
	mkdir -p /etc/postgresql-common
	echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
fi
need "Node.js with npm (18 or newer)" npm nodejs npm
need "PostgreSQL (15 or newer, with initdb)" "${initdb:-initdb}" postgresql
need "MariaDB (10.11 or newer, with mariadb-install-db)" "$(command -v mariadbd || echo /usr/sbin/mariadbd)" mariadb-server
need "Chromium" chromium chromium
need "RabbitMQ (3.10 or newer)" /usr/lib/rabbitmq/bin/rabbitmq-server rabbitmq-server

unformatted=$(gofmt -l $(git ls-files '*.go'))
if [ -n "$unformatted" ]; then
	echo "test.sh: run gofmt -w on:" "$unformatted" >&2
	exit 1
fi

npm ci --prefix compat --no-audit --no-fund --loglevel=error
go vet ./...
go test ./...
go test ./torture -proofs -kills 20
(cd compat && go vet ./... && go test -count=1 -timeout 30m ./...) # of the server that is built now, which the cache does not see
